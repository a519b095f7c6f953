//! The dashboard at `/`: static files that the binary carries, built from `ui/` before it.
//!
//! Its addresses are real paths, so each of them is answered with the one page there is; what is to
//! be seen there is asked for by the page. Without Node the binary is built without a dashboard, and
//! says so.

use std::{borrow::Cow, fmt::Write as _};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderMap},
};
use bytes::Bytes;

use crate::{
    error::{Code, Problem},
    nearest::quote,
    routes::Answer,
};

#[derive(rust_embed::Embed)]
#[folder = "ui/dist"]
struct Files;

/// Where a dashboard would be.
const WITHOUT: &str = include_str!("page.html");

/// The addresses of the dashboard.
pub(crate) const PAGES: [&str; 7] = [
    "/",
    "/executions/{id}",
    "/queues",
    "/queues/{name}",
    "/runners",
    "/runners/{id}",
    "/supervisor",
];

/// Scripts, styles and pictures are files of this server; nothing is inline, framed or posted, and
/// nothing is spoken with but this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' \
                      data:; font-src 'self'; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";
const HEADERS: [(&str, &str); 5] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
];
/// Names of assets have a hash of what is in them.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// The page names the assets of this very build.
const ASK_AGAIN: &str = "no-cache";

/// One of [`PAGES`]. Its query is for the page itself.
pub(crate) async fn page(request: HttpRequest) -> Answer {
    Ok(file("index.html", ASK_AGAIN, request.headers()).unwrap_or_else(|| {
        let mut response = HttpResponse::Ok();
        for header in HEADERS {
            response.insert_header(header);
        }
        response.insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8")).body(WITHOUT)
    }))
}

/// What the page is made of.
pub(crate) async fn asset(request: HttpRequest) -> Answer {
    let name = request.path().trim_start_matches('/');
    let cache = if name.starts_with("assets/") { FOR_EVER } else { ASK_AGAIN };
    file(name, cache, request.headers()).ok_or_else(|| {
        let detail = format!("The dashboard of this build has no file {}.", quote(name));
        Problem::new(Code::RouteNotFound, detail)
    })
}

/// A file as it was built, in the smallest form that the client takes.
fn file(name: &str, cache: &'static str, headers: &HeaderMap) -> Option<HttpResponse> {
    let (encoding, file) = [("br", ".br"), ("gzip", ".gz")]
        .into_iter()
        .filter(|(encoding, _)| takes(headers, encoding))
        .find_map(|(encoding, suffix)| {
            Some((Some(encoding), Files::get(&format!("{name}{suffix}"))?))
        })
        .or_else(|| Some((None, Files::get(name)?)))?;
    let mut tag = String::from("\"");
    for byte in &file.metadata.sha256_hash()[..12] {
        write!(tag, "{byte:02x}").expect("a string takes any text");
    }
    tag.push('"');
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag.as_str());
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    for header in HEADERS {
        response.insert_header(header);
    }
    response
        .insert_header((header::CACHE_CONTROL, cache))
        .insert_header((header::VARY, "accept-encoding"))
        .insert_header((header::ETAG, tag));
    if known {
        return Some(response.finish());
    }
    if let Some(encoding) = encoding {
        response.insert_header((header::CONTENT_ENCODING, encoding));
    }
    let body = match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    Some(response.insert_header((header::CONTENT_TYPE, media_type(name))).body(body))
}

/// Whether `Accept-Encoding` names it (RFC 9110 §12.5.3) and does not refuse it.
fn takes(headers: &HeaderMap, encoding: &str) -> bool {
    headers.get_all(header::ACCEPT_ENCODING).filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|one| {
            let mut parts = one.split(';').map(str::trim);
            parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding))
                && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
    })
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" | "webmanifest" => "application/json",
        "png" => "image/png",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn an_encoding_is_taken_where_it_is_named_and_not_refused() {
        for (accepted, gzip, br) in [
            ("gzip, deflate, br", true, true),
            ("GZIP;q=0.5, br;q=0", true, false),
            ("identity", false, false),
            ("xbr, gzipped", false, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted));
            assert_eq!((takes(&headers, "gzip"), takes(&headers, "br")), (gzip, br), "{accepted}");
        }
        assert!(!takes(&HeaderMap::new(), "br"));
    }
}
