//! An execution for tests.

use super::wire::Execution;

/// One in that phase.
pub(crate) fn execution(phase: &str, reason: Option<&str>) -> Execution {
    serde_json::from_value(serde_json::json!({
        "id": "aex_01981f000000700080000000000000ab", "kind": "agent", "name": "n",
        "queue": "agents", "phase": phase, "reason": reason, "error": null, "attempt": 1,
        "max_attempts": 1, "runner": null, "progress": null, "input": null, "output": null,
        "deadline": null, "created_at": "2026-01-02T03:04:05Z", "started_at": null,
        "finished_at": null, "seq": 1,
    }))
    .expect("the example is an execution")
}
