//! `heartline-bench`: load over the real sockets, and what it shows.
//!
//! Every workload starts the real server on a fresh data folder on a real disk, measures what the
//! machine itself allows in the same run, and ends with an error when an acknowledged event is
//! missing. Deliberately absent: load from several machines, and any use of the server's insides.

mod arguments;
mod audience;
mod bare;
mod broadcast;
mod cancel;
mod claims;
mod crowd;
mod deliver;
mod disconnect;
mod dispatch;
mod errand;
mod error;
mod heartbeats;
mod hold;
mod http;
mod idle;
mod ingest;
mod lab;
mod latency;
mod lifecycle;
mod limits;
mod pace;
mod peers;
mod poller;
mod population;
mod process;
mod publish;
mod report;
mod restart;
mod runners;
mod server;
mod stage;
mod stalled;
mod story;
mod supervisor;
mod timers;
mod watcher;
mod window;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::{
    All, Arguments, Cancel, Claims, Deliver, Disconnect, Dispatch, Fanout, Heartbeats, Ingest,
    Lifecycle, Restart, Timers, Transport, Workload,
};
use error::Result;
use lab::Lab;
use report::Report;

fn main() -> ExitCode {
    let Arguments { common, workload } = Arguments::parse();
    let json = common.json;
    let helped = match &workload {
        Workload::Hold(hold) => Some(hold::run(hold)),
        Workload::Bare(bare) => Some(bare::run(bare)),
        _ => None,
    };
    if let Some(helped) = helped {
        return match helped {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let reports = Lab::new(common).and_then(|lab| {
        let mut reports = Vec::new();
        for step in steps(workload) {
            reports.push(run(&lab, &step, json)?);
            lab.clear()?;
        }
        Ok(reports)
    });
    match reports {
        Ok(reports) => {
            if reports.len() > 1 {
                println!("\nall:");
                for line in reports.iter().flat_map(Report::summary) {
                    println!("  {line}");
                }
            }
            if reports.iter().all(Report::sound) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one workload and prints what it found.
fn run(lab: &Lab, workload: &Workload, json: bool) -> Result<Report> {
    let report = match workload {
        Workload::Ingest(options) => ingest::run(lab, options),
        Workload::Lifecycle(options) => lifecycle::run(lab, options),
        Workload::Timers(options) => timers::run(lab, options),
        Workload::Restart(options) => restart::run(lab, options),
        Workload::Idle(options) => idle::run(lab, options),
        Workload::Deliver(options) => deliver::run(lab, options),
        Workload::Fanout(options) => deliver::fanout(lab, options),
        Workload::Watchers(options) => audience::watchers(lab, options),
        Workload::Stampede(options) => audience::stampede(lab, options),
        Workload::Stalled(options) => stalled::run(lab, options),
        Workload::Dispatch(options) => dispatch::run(lab, options),
        Workload::Cancel(options) => cancel::run(lab, options),
        Workload::Claims(options) => claims::run(lab, options),
        Workload::Disconnect(options) => disconnect::run(lab, options),
        Workload::Heartbeats(options) => heartbeats::run(lab, options),
        Workload::Hold(_) | Workload::Bare(_) | Workload::All(_) => {
            unreachable!("`main` and `steps` take them")
        }
    }?;
    println!("{}", report.text());
    if json {
        println!("{}", report.json());
    }
    Ok(report)
}

/// The workloads that `workload` stands for.
fn steps(workload: Workload) -> Vec<Workload> {
    let Workload::All(all) = workload else { return vec![workload] };
    let ingest = |transport, producers, batch| {
        Workload::Ingest(Ingest::judged(transport, producers, batch, &all))
    };
    let All { seconds, live, .. } = all;
    let deliver = |watchers, rate| Workload::Deliver(Deliver::judged(watchers, rate, &all));
    vec![
        ingest(Transport::Http, 128, 1),
        ingest(Transport::Ws, 128, 1),
        // Runners of eight slots, as most are.
        Workload::Ingest(Ingest {
            sockets: Some(16),
            peer: None,
            ..Ingest::judged(Transport::Ws, 128, 1, &all)
        }),
        ingest(Transport::Http, 1, 1),
        ingest(Transport::Http, 16, 100),
        deliver(1, 100),
        deliver(100, 100),
        deliver(1_000, 20),
        Workload::Fanout(Fanout::judged(&all)),
        Workload::Lifecycle(Lifecycle::judged(Transport::Http, &all)),
        Workload::Lifecycle(Lifecycle::judged(Transport::Ws, &all)),
        Workload::Dispatch(Dispatch::judged(&all)),
        Workload::Cancel(Cancel::judged(&all)),
        Workload::Disconnect(Disconnect { rounds: 30 }),
        Workload::Heartbeats(Heartbeats::judged(&all)),
        Workload::Claims(Claims::judged(&all)),
        Workload::Timers(Timers { armed: live, due_per_second: 1_000, seconds, watched: 200 }),
        Workload::Restart(Restart { live, leased: None }),
        Workload::Idle(arguments::Idle { live, terminal: live, rounds: 4 }),
    ]
}
