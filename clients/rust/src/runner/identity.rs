//! Who a runner is, as it tells the server.

/// The most characters of a name that become part of an id.
const NAME_MAX: usize = 100;

/// Who a runner is. Ids are unique: of two that are connected at once the second is refused.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Identity {
    id: String,
    name: String,
    host: String,
    pid: u32,
    version: String,
}

impl Identity {
    /// A runner of this process, with a new id that begins with its name.
    pub fn new(name: &str) -> Self {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let plain: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "_.:-".contains(c) { c } else { '-' })
            .take(NAME_MAX)
            .collect();
        Self {
            id: format!("{plain}-{}", &unique[..8]),
            name: name.to_owned(),
            host: host(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// With the version of the program that has the handlers.
    #[must_use]
    pub fn version(self, version: &str) -> Self {
        Self { version: version.to_owned(), ..self }
    }

    /// The id: its name with what is no letter, digit, `_`, `.`, `:` or `-` replaced, and 8 digits.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// The name of this machine.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
