//! Which hosts this server answers for, and which web pages may call it: the guard against DNS
//! rebinding and cross-site requests while there are no tokens.

use std::net::SocketAddr;

use actix_web::http::{
    Uri,
    header::{self, HeaderMap, HeaderValue},
};

use crate::{
    error::{Code, Problem},
    nearest::quote,
};

/// Allow-lists, in lower case.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// With a port where only that port counts.
    hosts: Vec<String>,
    /// Beside the server's own.
    origins: Vec<String>,
}

impl Hosts {
    /// No `hosts` allows the loopback names and the address listened on.
    pub(crate) fn new(hosts: &[String], origins: &[String], address: SocketAddr) -> Self {
        let lower =
            |list: &[String]| list.iter().map(|item| item.to_ascii_lowercase()).collect::<Vec<_>>();
        let hosts = if hosts.is_empty() {
            let ip = match address {
                SocketAddr::V4(v4) => v4.ip().to_string(),
                SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
            };
            let mut all: Vec<String> =
                ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).into();
            if !all.contains(&ip) {
                all.push(ip);
            }
            all
        } else {
            lower(hosts)
        };
        Self { hosts, origins: lower(origins) }
    }

    /// Checks `Host` and, where there is one, `Origin`. Gives the origin where it is not the
    /// server's own but on the list.
    ///
    /// # Errors
    /// 400 without a host, 403 for one that is not on its list.
    pub(crate) fn check(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Option<HeaderValue>, Problem> {
        let mut all = headers.get_all(header::HOST);
        let host = all.next().and_then(|value| value.to_str().ok());
        let Some(host) = host.filter(|_| all.next().is_none()) else {
            return Err(Problem::new(Code::MalformedRequest, "A request has one Host header."));
        };
        let target = uri.authority().map(actix_web::http::uri::Authority::as_str);
        for host in [Some(host), target].into_iter().flatten() {
            if !self.allows_host(host) {
                let detail = format!(
                    "\"{}\" is not one of this server's hosts; server.allowed_hosts lists them.",
                    quote(host)
                );
                return Err(Problem::new(Code::HostNotAllowed, detail));
            }
        }
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(None) };
        let text = origin.to_str().unwrap_or_default();
        if is_own(text, host) {
            return Ok(None);
        }
        if self.origins.iter().any(|known| known.eq_ignore_ascii_case(text)) {
            return Ok(Some(origin.clone()));
        }
        let shown = String::from_utf8_lossy(origin.as_bytes());
        let detail = format!(
            "Pages of \"{}\" may not call this server; server.allowed_origins lists those that may.",
            quote(&shown)
        );
        Err(Problem::new(Code::OriginNotAllowed, detail))
    }

    fn allows_host(&self, host: &str) -> bool {
        let name = without_port(host);
        self.hosts.iter().any(|known| {
            let wanted = if without_port(known) == known { name } else { host };
            known.eq_ignore_ascii_case(wanted)
        })
    }

    /// Whether any origin but the server's own may call: then answers differ by origin.
    pub(crate) fn lists_origins(&self) -> bool {
        !self.origins.is_empty()
    }
}

/// The server's own pages, behind a TLS proxy or not.
fn is_own(origin: &str, host: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .filter_map(|scheme| origin.strip_prefix(scheme))
        .any(|rest| rest.eq_ignore_ascii_case(host))
}

/// `name` of `name:port`, `[::1]` of `[::1]:port`.
fn without_port(host: &str) -> &str {
    if host.starts_with('[') {
        return host.find(']').map_or(host, |end| &host[..=end]);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn asked(hosts: &Hosts, host: &str, origin: Option<&str>) -> Result<(), Code> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        hosts.check(&Uri::from_static("/x"), &headers).map(drop).map_err(|p| p.code())
    }

    #[test]
    fn loopback_names_are_allowed_and_others_are_not() {
        let hosts = Hosts::new(&[], &[], SocketAddr::from(([127, 0, 0, 2], 7400)));
        for yes in ["localhost", "LOCALHOST:7400", "127.0.0.1:1", "[::1]:7400", "127.0.0.2"] {
            assert_eq!(asked(&hosts, yes, None), Ok(()), "{yes}");
        }
        for no in
            ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:7400", "", ":7400"]
        {
            assert_eq!(asked(&hosts, no, None), Err(Code::HostNotAllowed), "{no}");
        }
        let none = hosts.check(&Uri::from_static("/x"), &HeaderMap::new());
        assert_eq!(none.unwrap_err().code(), Code::MalformedRequest);
    }

    #[test]
    fn an_origin_is_the_servers_own_or_on_the_list() {
        let listed = ["https://app.example".to_owned()];
        let hosts = Hosts::new(
            &["heartline.example:7400".to_owned()],
            &listed,
            SocketAddr::from(([127, 0, 0, 1], 1)),
        );
        let host = "heartline.example:7400";
        for yes in [None, Some("http://heartline.example:7400"), Some("https://APP.example")] {
            assert_eq!(asked(&hosts, host, yes), Ok(()), "{yes:?}");
        }
        for no in
            ["null", "http://evil.example", "http://heartline.example", "https://app.example:1", ""]
        {
            assert_eq!(asked(&hosts, host, Some(no)), Err(Code::OriginNotAllowed), "{no}");
        }
        assert_eq!(asked(&hosts, "heartline.example:7401", None), Err(Code::HostNotAllowed));
    }
}
