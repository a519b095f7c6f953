//! The simulator: the whole of what is not a thread or a socket, under a seeded scheduler and a
//! virtual clock, with a disk that keeps only what was synced, and with runners, clients and
//! watchers that stall, die, repeat themselves and come back. After every step the invariants of
//! ARCHITECTURE.md (A to J) are checked by code that does not share the rules it checks.
//!
//! The rules, the fold, the board, the feeds and the store are the real ones. The shell around
//! them (actors, journal, timers, queues) is modelled on one thread, step for step as the actors
//! do it; the real threads are the business of the other tests.
//!
//! `make simulate SEED=…` repeats one run; `HEARTLINE_SIM_STEPS` sets its length. A run is the same
//! for ever for one seed and one length.

mod simulator {
    mod actor;
    mod ahead;
    mod audit;
    mod chance;
    pub(crate) mod checks;
    mod clients;
    pub(crate) mod coverage;
    mod disk;
    mod env;
    mod progress;
    mod queues;
    mod reports;
    mod runners;
    pub(crate) mod sabotage;
    mod server;
    mod shadow;
    mod supervisor;
    mod tokens;
    mod watchers;
    mod words;
    pub(crate) mod world;
}

use simulator::{
    checks::Invariant,
    coverage::Coverage,
    sabotage::{Sabotage, Tampering},
    world::World,
};

/// Runs of the default simulation, and steps of each: a million in all.
const SEEDS: u64 = 200;
const STEPS: u64 = 5_000;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// Runs a seed; a failure is run again to show how it came about.
fn simulate(seed: u64, steps: u64) -> (u64, Coverage) {
    let outcome = World::run(seed, steps, None, false);
    let Some((step, violation)) = outcome.violation else {
        return (outcome.steps, outcome.coverage);
    };
    for line in World::run(seed, steps, None, true).trace {
        println!("{line}");
    }
    let length =
        if steps == STEPS { String::new() } else { format!("HEARTLINE_SIM_STEPS={steps} ") };
    panic!(
        "seed {seed}, step {step}: {violation}\n\nthe last steps are above; repeat it with\n    \
         {length}make simulate SEED={seed}\n"
    );
}

#[test]
fn a_million_steps_break_no_invariant_and_reach_every_case() {
    let steps = setting("HEARTLINE_SIM_STEPS").unwrap_or(STEPS);
    if let Some(seed) = setting("HEARTLINE_SIM_SEED") {
        let (taken, coverage) = simulate(seed, steps);
        println!("seed {seed}: {taken} steps\n{coverage}");
        return;
    }
    let (mut taken, mut coverage) = (0, Coverage::default());
    for seed in 0..SEEDS {
        let (more, reached) = simulate(seed, steps);
        taken += more;
        coverage.add(&reached);
    }
    println!("{SEEDS} seeds, {taken} steps\n{coverage}");
    let missing = coverage.missing();
    assert!(missing.is_empty(), "never reached: {missing:#?}");
}

#[test]
fn the_same_seed_is_the_same_run() {
    let run = || {
        let outcome = World::run(7, 2_000, None, true);
        (outcome.steps, outcome.coverage.to_string(), outcome.trace)
    };
    assert_eq!(run(), run());
}

/// Breaks one thing on purpose, with several seeds: every run in which that came to pass must be
/// found out, as one of `by`.
fn is_caught(sabotage: Sabotage, by: &[Invariant]) {
    let mut caught = 0;
    for seed in 1_000..1_032 {
        let outcome = World::run(seed, 3_000, Some(sabotage), false);
        match outcome.violation {
            Some((_, violation)) if by.contains(&violation.invariant) => caught += 1,
            Some((step, violation)) => {
                panic!("{sabotage:?}, seed {seed}, step {step}: found as {violation}")
            }
            None => assert!(!outcome.harmed, "{sabotage:?}, seed {seed}: nobody noticed"),
        }
    }
    assert!(caught >= 4, "{sabotage:?} came to pass only {caught} times");
}

#[test]
fn a_dropped_event_does_not_pass_a_watcher() {
    is_caught(Sabotage::Page(Tampering::Drop), &[Invariant::C]);
}

#[test]
fn a_duplicated_event_does_not_pass_a_watcher() {
    is_caught(Sabotage::Page(Tampering::Duplicate), &[Invariant::C]);
}

#[test]
fn swapped_events_do_not_pass_a_watcher() {
    is_caught(Sabotage::Page(Tampering::Swap), &[Invariant::C]);
}

#[test]
fn a_changed_byte_does_not_pass_a_watcher() {
    is_caught(Sabotage::Page(Tampering::Flip), &[Invariant::C]);
}

#[test]
fn an_event_shown_before_it_is_durable_is_noticed() {
    is_caught(Sabotage::EarlyShow, &[Invariant::C]);
}

#[test]
fn a_disk_that_loses_duplicates_swaps_or_changes_an_event_is_found_out() {
    for tampering in [
        Tampering::Drop,
        Tampering::Duplicate,
        Tampering::Swap,
        Tampering::Truncate,
        Tampering::Flip,
    ] {
        is_caught(Sabotage::Log(tampering), &[Invariant::A]);
    }
}

#[test]
fn an_acknowledgement_without_a_sync_is_missed_after_the_crash() {
    is_caught(Sabotage::AckWithoutSync, &[Invariant::A, Invariant::D]);
}

#[test]
fn an_acknowledgement_by_an_unhealthy_store_is_noticed() {
    is_caught(Sabotage::AckOfAFailedCommit, &[Invariant::G]);
}

#[test]
fn a_write_under_a_stale_lease_is_noticed() {
    is_caught(Sabotage::StaleLease, &[Invariant::E]);
}

#[test]
fn a_batch_that_overtakes_another_is_noticed() {
    is_caught(Sabotage::ForgottenOrder, &[Invariant::A]);
}

#[test]
fn a_queue_that_is_faster_than_its_rates_is_noticed() {
    is_caught(Sabotage::ForgottenRate, &[Invariant::D]);
}

#[test]
fn a_repeated_batch_that_is_appended_again_is_noticed() {
    is_caught(Sabotage::RepeatAppended, &[Invariant::A, Invariant::D]);
}

#[test]
fn a_last_progress_report_that_is_lost_is_noticed() {
    is_caught(Sabotage::LostReport, &[Invariant::A]);
}

#[test]
fn a_purge_of_a_live_execution_is_noticed() {
    let by = [Invariant::A, Invariant::C, Invariant::D, Invariant::I, Invariant::J];
    is_caught(Sabotage::PurgeOfTheLiving, &by);
}

#[test]
fn an_event_after_the_terminal_event_is_noticed() {
    is_caught(Sabotage::WordAfterTheEnd, &[Invariant::B]);
}

#[test]
fn a_timeout_that_comes_too_early_is_noticed() {
    is_caught(Sabotage::EarlyTimeout, &[Invariant::F]);
}

#[test]
fn a_timeout_that_never_comes_is_noticed() {
    is_caught(Sabotage::ForgottenTimeout, &[Invariant::J, Invariant::D]);
}

#[test]
fn an_execution_without_a_deadline_is_noticed() {
    is_caught(Sabotage::NoDeadline, &[Invariant::J, Invariant::D]);
}

#[test]
fn a_board_that_missed_a_commit_is_noticed() {
    is_caught(Sabotage::MissedCommit, &[Invariant::J, Invariant::D, Invariant::F]);
}

#[test]
fn a_board_that_was_not_told_of_an_unknown_outcome_is_noticed() {
    is_caught(Sabotage::MissedOutcome, &[Invariant::J, Invariant::D, Invariant::C, Invariant::F]);
}
