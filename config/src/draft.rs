//! Gathering values from their places, each checked by its own rule as it comes.
//!
//! Later calls win over earlier ones, so the order of calls is the order of precedence.

use std::{collections::BTreeMap, fmt::Display, fs, path::Path};

use toml::{
    Table, Value,
    de::{DeTable, DeValue},
};

use crate::{
    error::{Error, Origin, Stated},
    settings::{SETTINGS, Setting},
};

/// What every variable of ours starts with.
const PREFIX: &str = "HEARTLINE_";

/// Short names for what is set most often.
const SHORT: [(&str, &str); 3] = [
    ("HEARTLINE_LISTEN", "server.listen"),
    ("HEARTLINE_DATA", "server.data"),
    ("HEARTLINE_LOG", "log.filter"),
];

/// Variables with our prefix that are not settings: the client's, those that a wrapped command is
/// given (it may itself start a server), and those of this project's own scripts.
pub(crate) const FOREIGN: [&str; 7] = [
    "HEARTLINE_SERVER",
    "HEARTLINE_TOKEN",
    "HEARTLINE_EXECUTION_ID",
    "HEARTLINE_ATTEMPT",
    "HEARTLINE_INPUT",
    "HEARTLINE_TARGET_DIR",
    "HEARTLINE_SIM_SEED",
];

/// Settings being put together.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) values: Table,
    pub(crate) origins: BTreeMap<String, Origin>,
}

impl Draft {
    fn set(&mut self, setting: &Setting, value: Value, origin: Origin) -> Result<(), Error> {
        let key = setting.key();
        if !setting.allowed.holds(&value) {
            let allowed = setting.allowed();
            let value = value.to_string();
            return Err(Error::Value(Box::new(Stated { key, value, origin }), allowed));
        }
        let section = self
            .values
            .entry(setting.section)
            .or_insert_with(|| Value::Table(Table::new()))
            .as_table_mut()
            .expect("only tables are put here");
        section.insert(setting.field.to_owned(), value);
        self.origins.insert(key, origin);
        Ok(())
    }

    pub(crate) fn file(&mut self, path: &Path) -> Result<(), Error> {
        let text = fs::read_to_string(path)
            .map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
        self.text(path, &text)
    }

    pub(crate) fn text(&mut self, path: &Path, text: &str) -> Result<(), Error> {
        let line_of = |at: usize| {
            1 + text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count()
        };
        let at = |at: usize| Origin::File { path: path.to_owned(), line: line_of(at) };
        let syntax = |error: toml::de::Error| Error::Syntax {
            path: path.to_owned(),
            line: line_of(error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        };
        // Once for the places and once for the values: only the first knows spans.
        let places = DeTable::parse(text).map_err(syntax)?;
        let values: Table = text.parse().map_err(syntax)?;
        for (section, content) in places.get_ref() {
            let here = at(section.span().start);
            let section = section.get_ref().as_ref();
            let DeValue::Table(fields) = content.get_ref() else {
                return Err(if is_section(section) {
                    let value = values[section].to_string();
                    let allowed = format!("a table, [{section}]");
                    let key = section.to_owned();
                    Error::Value(Box::new(Stated { key, value, origin: here }), allowed)
                } else {
                    unknown_key(section, here)
                });
            };
            if !is_section(section) {
                let known = SETTINGS.iter().map(|s| format!("[{}]", s.section));
                return Err(unknown(format!("[{section}]"), here, known));
            }
            for field in fields.keys() {
                let here = at(field.span().start);
                let field = field.get_ref().as_ref();
                let key = format!("{section}.{field}");
                let setting = find(&key).ok_or_else(|| unknown_key(&key, here.clone()))?;
                self.set(setting, values[section][field].clone(), here)?;
            }
        }
        Ok(())
    }

    pub(crate) fn variables(
        &mut self,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<(), Error> {
        // Sorted, so that the same environment always gives the same answer.
        let ours: BTreeMap<String, String> = env
            .filter(|(name, _)| name.starts_with(PREFIX) && !FOREIGN.contains(&name.as_str()))
            .collect();
        for (name, text) in &ours {
            let origin = Origin::Variable(name.clone());
            let short = SHORT.iter().find(|(short, _)| short == name);
            let setting = match short {
                Some((_, key)) => find(key),
                None => SETTINGS.iter().find(|s| s.variable() == *name),
            };
            let Some(setting) = setting else {
                let known = SETTINGS.iter().map(Setting::variable);
                let known = known.chain(SHORT.iter().map(|(short, _)| (*short).to_owned()));
                return Err(unknown(name.clone(), origin, known));
            };
            if short.is_some() && ours.get(&setting.variable()).is_some_and(|long| long != text) {
                let stated = |text: &str, name: String| {
                    let (value, origin) = (format!("{text:?}"), Origin::Variable(name));
                    Box::new(Stated { key: setting.key(), value, origin })
                };
                return Err(Error::Contradiction {
                    first: stated(text, name.clone()),
                    relation: "the same as",
                    second: stated(&ours[&setting.variable()], setting.variable()),
                });
            }
            self.set(setting, setting.allowed.read(text), origin)?;
        }
        Ok(())
    }

    pub(crate) fn flags(&mut self, flags: &[(&str, String)]) -> Result<(), Error> {
        for (key, text) in flags {
            let origin = Origin::Flag((*key).to_owned());
            let setting = find(key).ok_or_else(|| unknown_key(key, origin.clone()))?;
            self.set(setting, setting.allowed.read(text), origin)?;
        }
        Ok(())
    }
}

/// The setting of a dotted key.
pub(crate) fn find(key: &str) -> Option<&'static Setting> {
    let (section, field) = key.split_once('.')?;
    SETTINGS.iter().find(|s| s.section == section && s.field == field)
}

fn is_section(name: &str) -> bool {
    SETTINGS.iter().any(|s| s.section == name)
}

fn unknown_key(key: &str, origin: Origin) -> Error {
    // A key without its table is most likely a field at the top of the file.
    match SETTINGS.iter().find(|s| s.field == key) {
        Some(setting) => Error::Unknown { name: key.to_owned(), origin, nearest: setting.key() },
        None => unknown(key.to_owned(), origin, SETTINGS.iter().map(Setting::key)),
    }
}

fn unknown(name: String, origin: Origin, known: impl Iterator<Item = impl Display>) -> Error {
    let nearest = known
        .map(|known| known.to_string())
        .min_by_key(|known| strsim::damerau_levenshtein(&name, known))
        .unwrap_or_default();
    Error::Unknown { name, origin, nearest }
}
