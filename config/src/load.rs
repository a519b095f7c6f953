//! Loading: flags over variables over the file over the defaults, each value with its origin.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use toml::{Table, Value};

use crate::{
    draft::{Draft, find},
    error::{Error, Origin, Stated},
    settings::{Config, SETTINGS, Setting},
};

/// Checked settings, and where each came from.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// By dotted key; a key that is not here has its default.
    origins: BTreeMap<String, Origin>,
}

impl Loaded {
    /// Puts the settings together.
    ///
    /// `env` is the whole environment: variables without our prefix are passed over. (Take it from
    /// `std::env::vars_os` and skip what is not UTF-8; `std::env::vars` panics on it.) `flags`
    /// are dotted keys and texts; both spell values as variables do, lists with commas.
    ///
    /// # Errors
    /// The first thing that is wrong: an unreadable file, an unknown name, a value that is not
    /// allowed, or two values that do not go together.
    pub fn load(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
        flags: &[(&str, String)],
    ) -> Result<Self, Error> {
        let mut draft = Draft::default();
        if let Some(path) = file {
            draft.file(path)?;
        }
        draft.variables(env)?;
        draft.flags(flags)?;
        Self::finish(draft)
    }

    /// Where the value of a dotted key came from.
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or_default()
    }

    /// The settings as a file, each with a comment that says where it came from.
    pub fn print(&self) -> String {
        let width = SETTINGS.iter().map(|s| self.line(s).len()).max().unwrap_or(0).min(48);
        sections(|out, setting| {
            // Writing to a string cannot fail.
            let line = self.line(setting);
            writeln!(out, "{line:width$}  # {}", self.origin(&setting.key()))
                .expect("a string takes any text");
        })
    }

    fn line(&self, setting: &Setting) -> String {
        format!("{} = {}", setting.field, value_of(&self.config, setting))
    }

    fn finish(draft: Draft) -> Result<Self, Error> {
        let Draft { values, origins } = draft;
        let config = values.try_into().expect("what the rules allow is what the types take");
        let loaded = Self { config, origins };
        loaded.agree()?;
        Ok(loaded)
    }

    /// What must hold between settings for either to make sense. Where the smaller of two bounds
    /// simply wins there is nothing to refuse.
    fn agree(&self) -> Result<(), Error> {
        let Config { supervision, http, websocket, .. } = &self.config;
        let late_before_lost = supervision.runner_late_after <= supervision.runner_lost_after;
        // Else a lost runner would be unknown before it is lost.
        let lost_before_forgotten = supervision.runner_lost_after <= supervision.runner_retention;
        for (holds, first, second) in [
            (http.event_bytes <= http.body_bytes, "http.event_bytes", "http.body_bytes"),
            (
                http.event_bytes <= websocket.message_bytes,
                "http.event_bytes",
                "websocket.message_bytes",
            ),
            (http.list_default <= http.list_limit, "http.list_default", "http.list_limit"),
            (late_before_lost, "supervision.runner_late_after", "supervision.runner_lost_after"),
            (
                lost_before_forgotten,
                "supervision.runner_lost_after",
                "supervision.runner_retention",
            ),
        ] {
            if !holds {
                let (first, second) = (self.stated(first), self.stated(second));
                return Err(Error::Contradiction { first, relation: "at most", second });
            }
        }
        Ok(())
    }

    fn stated(&self, key: &str) -> Box<Stated> {
        let setting = find(key).expect("only known keys are compared");
        let value = value_of(&self.config, setting).to_string();
        Box::new(Stated { key: key.to_owned(), value, origin: self.origin(key) })
    }
}

/// All settings under their tables' headings, each written by `each`.
fn sections(mut each: impl FnMut(&mut String, &Setting)) -> String {
    let mut out = String::new();
    let mut section = "";
    for setting in SETTINGS {
        if section != setting.section {
            let gap = if section.is_empty() { "" } else { "\n" };
            section = setting.section;
            writeln!(out, "{gap}[{section}]").expect("a string takes any text");
        }
        each(&mut out, setting);
    }
    out
}

fn table_of(config: &Config) -> Table {
    Table::try_from(config).expect("settings are plain tables of plain values")
}

fn value_of(config: &Config, setting: &Setting) -> Value {
    table_of(config)[setting.section][setting.field].clone()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::draft::FOREIGN;

    /// Loads a text as the file `h.toml`, variables and flags.
    fn load(file: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Loaded, Error> {
        let mut draft = Draft::default();
        draft.text(Path::new("h.toml"), file)?;
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        draft.variables(env)?;
        let flags: Vec<_> = flags.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
        draft.flags(&flags)?;
        Loaded::finish(draft)
    }

    fn refusal(file: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> String {
        load(file, env, flags).unwrap_err().to_string()
    }

    fn default_toml() -> String {
        sections(|out, setting| {
            let value = value_of(&Config::default(), setting);
            writeln!(out, "# {}\n{} = {value}", setting.about, setting.field).unwrap();
        })
    }

    #[test]
    fn the_default_file_is_the_defaults_with_comments() {
        let body = crate::DEFAULT_TOML.split_once("\n\n").unwrap().1;
        assert_eq!(body, default_toml(), "write the right-hand side into config/default.toml");
        let mut draft = Draft::default();
        draft.text(Path::new("default.toml"), crate::DEFAULT_TOML).unwrap();
        let loaded = Loaded::finish(draft).unwrap();
        assert_eq!(loaded.config, Config::default());
        assert_eq!(loaded.origins.len(), SETTINGS.len());
    }

    #[test]
    fn every_setting_keeps_its_own_rule_and_has_a_one_line_comment() {
        for setting in SETTINGS {
            let value = value_of(&Config::default(), setting);
            assert!(setting.allowed.holds(&value), "{} = {value}", setting.key());
            assert!(!setting.about.is_empty() && setting.about.len() <= 98, "{}", setting.key());
        }
        Loaded::default().agree().unwrap();
    }

    #[test]
    fn flags_win_over_variables_over_the_file_over_defaults() {
        let file = "[http]\nlist_limit = 10\nlist_default = 1\nbatch_events = 2\n";
        let env = [("HEARTLINE_HTTP_LIST_LIMIT", "20"), ("HEARTLINE_HTTP_BATCH_EVENTS", "3")];
        let loaded = load(file, &env, &[("http.list_limit", "30")]).unwrap();
        let http = &loaded.config.http;
        assert_eq!((http.list_limit, http.batch_events, http.list_default), (30, 3, 1));
        assert_eq!(http.claim_slots_max, 1000);
        assert_eq!(loaded.origin("http.list_limit"), Origin::Flag("http.list_limit".to_owned()));
        assert_eq!(
            loaded.origin("http.batch_events"),
            Origin::Variable("HEARTLINE_HTTP_BATCH_EVENTS".to_owned())
        );
        assert_eq!(
            loaded.origin("http.list_default"),
            Origin::File { path: "h.toml".into(), line: 3 }
        );
        assert_eq!(loaded.origin("http.claim_slots_max"), Origin::Default);
    }

    #[test]
    fn every_form_of_value_is_read_from_text() {
        let env = [
            ("HEARTLINE_LISTEN", "[::1]:0"),
            ("HEARTLINE_DATA", "/var/lib/heartline"),
            ("HEARTLINE_LOG", "debug"),
            ("HEARTLINE_LOG_FORMAT", "json"),
            ("HEARTLINE_SERVER_ALLOWED_HOSTS", "a.example, b.example:80"),
            ("HEARTLINE_SERVER_SHUTDOWN_TIMEOUT", "1m30s"),
            ("HEARTLINE_EXECUTION_STATE_BYTES", "2MiB"),
            ("HEARTLINE_HTTP_BODY_BYTES", "1_048_576"),
            ("HEARTLINE_DEBUG_WS_ECHO", "true"),
            ("HEARTLINE_DEBUG_CRASH_AT", "before_commit:37"),
            ("PATH", "/bin"),
        ];
        let config = load("", &env, &[]).unwrap().config;
        assert_eq!(config.server.listen.to_string(), "[::1]:0");
        assert_eq!(config.server.data, Path::new("/var/lib/heartline"));
        assert_eq!(config.log.filter, "debug");
        assert_eq!(config.log.format, crate::LogFormat::Json);
        assert_eq!(config.server.allowed_hosts, ["a.example", "b.example:80"]);
        assert_eq!(config.server.shutdown_timeout, Duration::from_secs(90));
        assert_eq!(config.execution.state_bytes, 2 << 20);
        assert_eq!(config.http.body_bytes, 1 << 20);
        assert!(config.debug.ws_echo);
        assert_eq!(config.debug.crash_at.as_deref(), Some("before_commit:37"));
    }

    #[test]
    fn variables_of_clients_and_wrapped_commands_are_passed_over() {
        let env = FOREIGN.map(|name| (name, "anything"));
        assert_eq!(load("", &env, &[]).unwrap().config, Config::default());
    }

    #[test]
    fn an_unknown_name_is_told_with_its_place_and_the_nearest_known_one() {
        for (message, parts) in [
            (
                refusal("[server]\n\nlisen = \"x\"", &[], &[]),
                ["h.toml:3", "server.lisen", "server.listen"],
            ),
            (refusal("listen = \"x\"", &[], &[]), ["h.toml:1", "setting listen", "server.listen"]),
            (refusal("\n[sever]\n", &[], &[]), ["h.toml:2", "[sever]", "[server]"]),
            (refusal("a.b.c = 1", &[], &[]), ["h.toml:1", "[a]", "nearest"]),
            (
                refusal("", &[("HEARTLINE_HTTP_BODY_BYTE", "1")], &[]),
                ["variable", "HEARTLINE_HTTP_BODY_BYTE;", "HEARTLINE_HTTP_BODY_BYTES"],
            ),
            (refusal("", &[], &[("log.fliter", "x")]), ["flag", "log.fliter", "log.filter"]),
        ] {
            for part in parts {
                assert!(message.contains(part), "{part:?} in {message:?}");
            }
        }
    }

    #[test]
    fn a_wrong_value_is_told_with_its_place_and_what_is_allowed() {
        for (message, parts) in [
            (
                refusal("[http]\nlist_limit = \"many\"", &[], &[]),
                ["h.toml:2", "http.list_limit = \"many\"", "from 1 to 100000"],
            ),
            (refusal("[feed]\npage_events = 0", &[], &[]), ["h.toml:2", "= 0", "from 1 to"]),
            (refusal("server = 3", &[], &[]), ["h.toml:1", "server = 3", "a table, [server]"]),
            (
                refusal("", &[("HEARTLINE_HTTP_KEEP_ALIVE", "75")], &[]),
                ["HEARTLINE_HTTP_KEEP_ALIVE", "\"75\"", "1m30s"],
            ),
            (
                refusal("", &[("HEARTLINE_DEBUG_WS_ECHO", "yes")], &[]),
                ["HEARTLINE_DEBUG_WS_ECHO", "\"yes\"", "true or false"],
            ),
            (refusal("", &[], &[("log.format", "xml")]), ["flag", "\"xml\"", "one of text, json"]),
            (refusal("[http]\nlist_limit = ", &[], &[]), ["h.toml:2", "not TOML", ""]),
        ] {
            for part in parts {
                assert!(message.contains(part), "{part:?} in {message:?}");
            }
        }
    }

    #[test]
    fn an_address_that_strangers_can_reach_is_refused_for_want_of_tokens() {
        let message = refusal("", &[], &[("server.listen", "0.0.0.0:7400")]);
        assert!(message.contains("no tokens") && message.contains("127.0.0.1:7400"), "{message}");
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let message = refusal("[http]\nlist_default = 99\nlist_limit = 9", &[], &[]);
        assert_eq!(
            message,
            "http.list_default = 99 (h.toml:2) must be at most http.list_limit = 9 (h.toml:3)"
        );
        let twice = [("HEARTLINE_DATA", "a"), ("HEARTLINE_SERVER_DATA", "b")];
        assert!(refusal("", &twice, &[]).contains("must be the same as"));
        let same = [("HEARTLINE_DATA", "a"), ("HEARTLINE_SERVER_DATA", "a")];
        assert_eq!(load("", &same, &[]).unwrap().config.server.data, Path::new("a"));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let missing = Some(Path::new("/nowhere/h.toml"));
        let error = Loaded::load(missing, std::iter::empty(), &[]).unwrap_err().to_string();
        assert!(error.contains("/nowhere/h.toml"), "{error}");
    }

    #[test]
    fn what_is_printed_loads_again_and_says_where_each_value_came_from() {
        let env = [("HEARTLINE_DATA", "d # d"), ("HEARTLINE_DEBUG_CRASH_AT", "after_ack:1")];
        let loaded = load("[http]\nlist_limit = 77", &env, &[("log.filter", "warn")]).unwrap();
        let printed = loaded.print();
        for part in
            ["# default", "# h.toml:2", "# variable HEARTLINE_DATA", "# flag for log.filter"]
        {
            assert!(printed.contains(part), "{part}\n{printed}");
        }
        assert_eq!(load(&printed, &[], &[]).unwrap().config, loaded.config);
    }
}
