//! What is set on a queue, on disk: one row for each queue on which something is set.
//!
//! Few rows, read at a start and written by hand: JSON behind a version, so that a person can read
//! them and a field that comes later has its default in an older row.

use heartline_execution::{Name, Namespace, QueueSettings};
use rocksdb::{DB, WriteBatch};

use crate::{
    Error, keys,
    options::QUEUES,
    reads::{failed, family},
};

const VERSION: u8 = 1;

/// Visits every row.
pub(crate) fn read(
    db: &DB,
    visit: &mut dyn FnMut(Namespace, Name, QueueSettings),
) -> Result<(), Error> {
    let mut rows = db.raw_iterator_cf(family(db, QUEUES)?);
    rows.seek_to_first();
    while let Some((key, row)) = rows.item() {
        let (namespace, queue) = keys::split_queue(key).ok_or_else(|| Error::Corrupt {
            place: "the settings of a queue".to_owned(),
            what: "the key is malformed".to_owned(),
        })?;
        let settings = decode(row).map_err(|what| Error::Corrupt {
            place: format!("the settings of queue {queue} of {namespace}"),
            what,
        })?;
        visit(namespace, queue, settings);
        rows.next();
    }
    rows.status().map_err(failed)
}

/// The write that sets them; default settings have no row.
pub(crate) fn stage(
    db: &DB,
    namespace: &Namespace,
    queue: &Name,
    settings: &QueueSettings,
) -> Result<WriteBatch, Error> {
    let (family, key) = (family(db, QUEUES)?, keys::queue(namespace, queue));
    let mut rows = WriteBatch::default();
    if settings.is_default() {
        rows.delete_cf(family, key);
    } else {
        rows.put_cf(family, key, encode(settings).map_err(|error| Error::Io(error.to_string()))?);
    }
    Ok(rows)
}

fn encode(settings: &QueueSettings) -> serde_json::Result<Vec<u8>> {
    let mut row = vec![VERSION];
    serde_json::to_writer(&mut row, settings)?;
    Ok(row)
}

fn decode(row: &[u8]) -> Result<QueueSettings, String> {
    match row.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json).map_err(|error| error.to_string()),
        Some((other, _)) => Err(format!("version {other} is not known")),
        None => Err("it is empty".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use heartline_execution::{QueueLimits, Rate, Timestamp, queue::Pause};

    use super::*;

    #[test]
    fn settings_read_back_as_they_were_to_the_last_bit() {
        let rate = Rate { per_second: 0.1 + 0.2, burst: 7 };
        let settings = QueueSettings {
            pause: Some(Pause { since: Timestamp(5), by: Some("ann".to_owned()), reason: None }),
            limits: QueueLimits { rate: Some(rate), ..QueueLimits::default() },
        };
        assert_eq!(decode(&encode(&settings).unwrap()), Ok(settings));
        assert_eq!(decode(b"\x01{}"), Ok(QueueSettings::default()));
        for wrong in [&b""[..], b"\x02{}", b"\x01", b"\x01{\"limits\":5}"] {
            assert!(decode(wrong).is_err(), "{wrong:?}");
        }
    }
}
