//! What operators set on queues.

use heartline_execution::{QueuePatch, Rate};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::json::Object;

/// `PATCH /v1/queues/{queue}`. What is left out stays; null takes a limit away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"max_in_progress": 10, "rate": {"per_second": 5, "burst": 10}}))]
pub(crate) struct QueueUpdate {
    /// Pause or resume. A paused queue gives nothing out; what is in progress goes on, and so do
    /// the deadlines of what waits.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = bool)]
    paused: Option<bool>,
    /// Who pauses, for people; goes with `paused: true`.
    #[schema(min_length = 1, max_length = 256)]
    by: Option<String>,
    /// Why, for people; goes with `paused: true`.
    #[schema(min_length = 1, max_length = 1024)]
    reason: Option<String>,
    /// Leased at once, claims under way included.
    #[serde(default, deserialize_with = "limit")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1_000_000)]
    max_in_progress: Option<Option<u32>>,
    /// Claims.
    #[serde(default, deserialize_with = "limit")]
    #[schema(value_type = Option<QueueRate>)]
    rate: Option<Option<Object<QueueRate>>>,
    /// As `max_in_progress`, of each concurrency key.
    #[serde(default, deserialize_with = "limit")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1_000_000)]
    key_max_in_progress: Option<Option<u32>>,
    /// As `rate`, of each concurrency key.
    #[serde(default, deserialize_with = "limit")]
    #[schema(value_type = Option<QueueRate>)]
    key_rate: Option<Option<Object<QueueRate>>>,
}

/// Claims at most so fast: a bucket of tokens that holds `burst` and fills with `per_second`. It
/// begins empty, also after a start of the server, so that it is never exceeded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueueRate {
    #[schema(minimum = 0.000_01, maximum = 100_000)]
    per_second: f64,
    /// Claims at once after a quiet time; what a second brings unless said, and one at least.
    #[schema(minimum = 1, maximum = 100_000)]
    burst: Option<u32>,
}

impl QueueUpdate {
    /// The domain's value. Bounds are the domain's to check.
    pub(crate) fn into_patch(self) -> QueuePatch {
        let rate = |rate: Option<Object<QueueRate>>| {
            rate.map(|Object(QueueRate { per_second, burst })| Rate {
                per_second,
                burst: burst.unwrap_or_else(|| Rate::default_burst(per_second)),
            })
        };
        QueuePatch {
            paused: self.paused,
            by: self.by,
            reason: self.reason,
            max_in_progress: self.max_in_progress,
            rate: self.rate.map(rate),
            key_max_in_progress: self.key_max_in_progress,
            key_rate: self.key_rate.map(rate),
        }
    }
}

/// True or false where it is said at all.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    bool::deserialize(deserializer).map(Some)
}

/// A limit that null takes away.
fn limit<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}
