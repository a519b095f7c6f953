//! The contract of [`ExecutionStore`], run over every store.

mod story;

use heartline_execution::{
    ExecutionId, Kind, Name, Phase, Place, QueueLimits, QueueSettings, Timestamp,
    content::Progress, event::Reason,
};
use heartline_storage::{
    Append, Counts, Cursor, Error, ExecutionStore, FaultyStore, MemoryStore, Options, PageLimits,
    Query, Refusal, RocksStore,
};
use story::{ALL, Story, commit, everything, keyed, labels, live};

/// A store and how to end its process.
trait Fixture {
    fn store(&self) -> &dyn ExecutionStore;
    fn restart(self) -> Self;
}

struct InMemory(MemoryStore);

impl Fixture for InMemory {
    fn store(&self) -> &dyn ExecutionStore {
        &self.0
    }

    fn restart(self) -> Self {
        Self(self.0.crash())
    }
}

struct OnDisk {
    store: RocksStore,
    folder: tempfile::TempDir,
}

impl Fixture for OnDisk {
    fn store(&self) -> &dyn ExecutionStore {
        &self.store
    }

    fn restart(self) -> Self {
        let Self { store, folder } = self;
        drop(store);
        Self { store: RocksStore::open(folder.path(), Options::default()).unwrap(), folder }
    }
}

struct BehindFaults<F>(F);

impl Fixture for BehindFaults<FaultyStore<MemoryStore>> {
    fn store(&self) -> &dyn ExecutionStore {
        &self.0
    }

    fn restart(self) -> Self {
        Self(FaultyStore::new(self.0.inner().crash()))
    }
}

fn in_memory() -> InMemory {
    InMemory(MemoryStore::new())
}

fn on_disk() -> OnDisk {
    let folder = tempfile::tempdir().unwrap();
    OnDisk { store: RocksStore::open(folder.path(), Options::default()).unwrap(), folder }
}

fn behind_faults() -> BehindFaults<FaultyStore<MemoryStore>> {
    BehindFaults(FaultyStore::new(MemoryStore::new()))
}

macro_rules! for_every_store {
    ($($case:ident),* $(,)?) => {
        mod memory { $(#[test] fn $case() { super::$case(super::in_memory()); })* }
        mod rocks { $(#[test] fn $case() { super::$case(super::on_disk()); })* }
        mod faulty { $(#[test] fn $case() { super::$case(super::behind_faults()); })* }
    };
}

for_every_store!(
    a_log_reads_back_as_it_was_written,
    an_append_at_the_wrong_seq_is_refused_and_changes_nothing,
    records_that_leave_a_hole_are_refused,
    appends_of_one_batch_build_upon_one_another,
    a_refused_append_ends_its_log_for_the_batch_and_leaves_others_alone,
    an_empty_append_is_a_barrier_and_leaves_no_trace,
    pages_keep_their_limits_and_say_exactly_whether_there_is_more,
    a_state_is_the_same_from_a_snapshot_and_from_the_log,
    a_snapshot_reads_back_as_it_was_whatever_it_holds,
    the_live_index_holds_exactly_what_is_not_over,
    a_list_by_any_facets_is_what_a_filter_over_all_would_give,
    a_list_goes_on_without_gap_or_repeat_while_others_write,
    an_idempotency_key_leads_to_its_execution_until_that_is_purged,
    a_purged_execution_is_gone_everywhere_and_its_neighbours_are_not,
    a_long_log_is_purged_as_a_whole,
    namespaces_do_not_see_each_other,
    a_restart_keeps_all_that_was_committed_and_counts_an_epoch,
    a_restart_knows_when_the_last_decision_was_made,
    recovery_of_a_healthy_store_changes_nothing,
    the_terminal_head_is_still_guarded,
    what_is_set_on_a_queue_stays_until_it_is_set_otherwise,
);

fn whole_life(store: &dyn ExecutionStore, namespace: &str, n: u32) -> Story {
    let mut story = Story::new(namespace, n);
    commit(store, story.create());
    commit(store, story.start("r1"));
    commit(store, story.post(3));
    commit(store, story.fail_and_retry());
    commit(store, story.start("r2"));
    commit(store, story.post(2));
    commit(store, story.complete());
    story
}

fn a_log_reads_back_as_it_was_written(fixture: impl Fixture) {
    let story = whole_life(fixture.store(), "default", 1);
    story.expect_in(fixture.store());
    fixture.restart().store().healthy().unwrap();
}

fn an_append_at_the_wrong_seq_is_refused_and_changes_nothing(fixture: impl Fixture) {
    let store = fixture.store();
    let mut story = Story::new("default", 1);
    let create = story.create();
    commit(store, create.clone());
    let refused = |append: &Append, expected, actual| {
        let outcome = store.commit(std::slice::from_ref(append)).unwrap();
        assert_eq!(outcome, [Err(Refusal::Moved { expected, actual })]);
    };
    refused(&create, 0, 1);
    let start = story.start("r");
    commit(store, start.clone());
    refused(&start, 1, 2);
    refused(&create, 0, 2);
    story.expect_in(store);
    let mut stranger = Story::new("default", 2);
    stranger.create();
    refused(&stranger.start("r"), 1, 0);
    assert_eq!(store.head(&stranger.namespace, stranger.id).unwrap(), None);
    assert!(store.load(&stranger.namespace, stranger.id).unwrap().is_none());
}

fn records_that_leave_a_hole_are_refused(fixture: impl Fixture) {
    let store = fixture.store();
    let mut story = Story::new("default", 1);
    commit(store, story.create());
    let mut holed = story.post(3);
    holed.records.remove(1);
    let outcome = store.commit(&[holed]).unwrap();
    assert_eq!(outcome, [Err(Refusal::Moved { expected: 3, actual: 1 })]);
    assert_eq!(store.head(&story.namespace, story.id).unwrap(), Some(1));
}

fn appends_of_one_batch_build_upon_one_another(fixture: impl Fixture) {
    let store = fixture.store();
    let (mut a, mut b) = (Story::new("default", 1), Story::new("default", 2));
    let batch = [a.create(), b.create(), a.start("r"), a.post(4), b.start("r"), a.complete()];
    assert_eq!(store.commit(&batch).unwrap(), vec![Ok(()); batch.len()]);
    a.expect_in(store);
    b.expect_in(store);
    assert_eq!(live(store).into_iter().collect::<Vec<_>>(), [(b.id, Phase::InProgress)]);
}

fn a_refused_append_ends_its_log_for_the_batch_and_leaves_others_alone(fixture: impl Fixture) {
    let store = fixture.store();
    let (mut a, mut b) = (Story::new("default", 1), Story::new("default", 2));
    let create = a.create();
    let again = keyed(create.clone(), "k");
    // What follows a refusal would fit by its seq, and may be of the writer that was refused.
    let batch = [create, again, b.create(), a.start("r"), b.start("r")];
    let outcome = store.commit(&batch).unwrap();
    let moved = |expected| Err(Refusal::Moved { expected, actual: 1 });
    assert_eq!(outcome, [Ok(()), moved(0), Ok(()), moved(1), Ok(())]);
    assert_eq!(store.head(&a.namespace, a.id).unwrap(), Some(1));
    b.expect_in(store);
    assert_eq!(store.used(&a.namespace, "k").unwrap(), None);
}

fn an_empty_append_is_a_barrier_and_leaves_no_trace(fixture: impl Fixture) {
    let store = fixture.store();
    let mut story = Story::new("default", 1);
    let barrier = |expected_seq| Append {
        namespace: story.namespace.clone(),
        id: story.id,
        expected_seq,
        records: Vec::new(),
        standing: None,
        summary: None,
        snapshot: None,
        idempotency: None,
        decided_at: Timestamp(i64::MAX),
    };
    let (early, late) = (barrier(0), barrier(1));
    commit(store, early);
    assert_eq!(store.head(&story.namespace, story.id).unwrap(), None);
    assert_eq!(store.commit(&[]).unwrap(), []);
    let batch = [story.create(), late.clone()];
    assert_eq!(store.commit(&batch).unwrap(), [Ok(()), Ok(())]);
    story.start("r");
    assert_eq!(store.commit(&[late]).unwrap(), [Ok(())]);
    assert!(!store.purge(&Name::new("other").unwrap(), story.id).unwrap());
}

fn a_restart_knows_when_the_last_decision_was_made(fixture: impl Fixture) {
    assert_eq!(fixture.store().meta().decided_at, None);
    let mut story = Story::new("default", 1);
    let (first, second) = (story.create(), story.start("r"));
    let last = second.decided_at;
    assert!(first.decided_at <= last);
    let barrier = Append {
        decided_at: Timestamp(i64::MAX),
        ..Append::barrier(story.namespace.clone(), story.id, 2)
    };
    assert_eq!(
        fixture.store().commit(&[first, second, barrier]).unwrap(),
        [Ok(()), Ok(()), Ok(())]
    );
    let fixture = fixture.restart();
    assert_eq!(fixture.store().meta().decided_at, Some(last));
    // One whose clock is behind takes nothing back.
    let early = Append { decided_at: Timestamp(1), ..story.post(1) };
    commit(fixture.store(), early);
    assert_eq!(fixture.restart().store().meta().decided_at, Some(last));
}

fn pages_keep_their_limits_and_say_exactly_whether_there_is_more(fixture: impl Fixture) {
    let store = fixture.store();
    let story = whole_life(store, "default", 1);
    let head = story.head();
    let sizes: Vec<_> = story.records.iter().map(|record| record.json.len()).collect();
    let byte_limits =
        [0, 1, sizes[0], sizes[0] + sizes[1], sizes.iter().sum::<usize>(), usize::MAX];
    for lifecycle_only in [false, true] {
        for after in 0..=head + 1 {
            for until in 0..=head + 2 {
                for events in [0, 1, 2, 3, 100] {
                    for bytes in byte_limits {
                        let limits = PageLimits { events, bytes };
                        let page = store
                            .events(
                                &story.namespace,
                                story.id,
                                after,
                                until,
                                lifecycle_only,
                                limits,
                            )
                            .unwrap();
                        story.expect_page(&page, after, until, lifecycle_only);
                        assert!(page.events.len() <= events.max(1));
                        let served: usize = page.events.iter().map(|e| e.record.json.len()).sum();
                        assert!(page.events.len() == 1 || served <= bytes);
                    }
                }
            }
        }
        let all =
            store.events(&story.namespace, story.id, 0, u64::MAX, lifecycle_only, ALL).unwrap();
        assert!(!all.more);
    }
    let stranger = ExecutionId::new(Kind::Agent, 9);
    let none = store.events(&story.namespace, stranger, 0, u64::MAX, false, ALL).unwrap();
    assert!(none.events.is_empty() && !none.more);
}

/// In a log that is not an execution's, too.
fn a_snapshot_reads_back_as_it_was_whatever_it_holds(fixture: impl Fixture) {
    let namespace = Name::streams_namespace();
    let id = ExecutionId::new(Kind::Agent, 7);
    let record = |seq, lifecycle, json: &'static [u8]| heartline_storage::Record {
        seq,
        lifecycle,
        private: Default::default(),
        json: json.into(),
    };
    let first = Append {
        records: vec![record(1, true, b"{}"), record(2, false, b"\0\xff")],
        snapshot: Some(b"any bytes".to_vec()),
        ..Append::barrier(namespace.clone(), id, 0)
    };
    let then = Append {
        records: vec![record(3, false, b""), record(4, true, b"[]")],
        ..Append::barrier(namespace.clone(), id, 2)
    };
    let store = fixture.store();
    assert_eq!(store.snapshot(&namespace, id).unwrap(), None);
    commit(store, first);
    commit(store, then);
    let fixture = fixture.restart();
    let store = fixture.store();
    assert_eq!(store.snapshot(&namespace, id).unwrap(), Some((2, b"any bytes".to_vec())));
    let notes = store.events(&namespace, id, 2, 4, true, ALL).unwrap();
    assert_eq!(notes.events.iter().map(|e| e.record.seq).collect::<Vec<_>>(), [4]);
    assert!(store.purge(&namespace, id).unwrap());
    assert_eq!(store.snapshot(&namespace, id).unwrap(), None);
}

fn a_state_is_the_same_from_a_snapshot_and_from_the_log(fixture: impl Fixture) {
    let store = fixture.store();
    let mut story = Story::new("default", 1);
    commit(store, story.create());
    story.expect_in(store);
    let append = story.start("r");
    commit(store, story.with_snapshot(append));
    story.expect_in(store);
    commit(store, story.post(5));
    story.expect_in(store);
    let append = story.complete();
    commit(store, story.with_snapshot(append));
    story.expect_in(store);
}

fn the_live_index_holds_exactly_what_is_not_over(fixture: impl Fixture) {
    let store = fixture.store();
    let mut stories: Vec<_> = (0..6).map(|n| Story::new("default", n)).collect();
    let expect = |stories: &[Story]| {
        let expected: Vec<_> = stories
            .iter()
            .filter_map(|story| Some((story.id, story.state.as_ref()?.phase)))
            .filter(|(_, phase)| !phase.is_terminal())
            .collect();
        let mut expected = expected;
        expected.sort();
        assert_eq!(live(store).into_iter().collect::<Vec<_>>(), expected);
    };
    for n in 0..stories.len() {
        commit(store, stories[n].create());
        expect(&stories);
    }
    for n in [4, 1, 5] {
        commit(store, stories[n].start("r"));
        expect(&stories);
    }
    commit(store, stories[1].post(1));
    expect(&stories);
    commit(store, stories[1].complete());
    expect(&stories);
    let mut found = None;
    store
        .live(&mut |standing| {
            found = Some(standing).filter(|s| s.id == stories[5].id).or(found.take())
        })
        .unwrap();
    let stands = stories[5].state.as_ref().map(|state| state.standing());
    assert_eq!(found, stands);
    let standing = |story: &Story| store.standing(&story.namespace, story.id).unwrap();
    assert_eq!(standing(&stories[5]), stands);
    assert_eq!(standing(&stories[1]), None, "it is over");
    assert_eq!(standing(&Story::new("default", 99)), None, "it was never created");

    // A standing changes without an event, too, and then all else stays.
    let mut promised = stands.unwrap();
    if let Place::Leased(held) = &mut promised.place {
        held.report = Some(Box::new(Progress { fraction: Some(0.5), ..Progress::default() }));
    }
    let head = store.head(&promised.namespace, promised.id).unwrap();
    let append = Append {
        standing: Some(promised.clone()),
        ..Append::barrier(promised.namespace.clone(), promised.id, head.unwrap())
    };
    commit(store, append);
    assert_eq!(standing(&stories[5]), Some(promised));
    assert_eq!(store.head(&stories[5].namespace, stories[5].id).unwrap(), head);
}

/// Sixty executions in every phase, with and without runner and labels.
fn population(store: &dyn ExecutionStore) -> Vec<Story> {
    let mut stories = Vec::new();
    for n in 0..60 {
        let mut story = Story::new("default", n);
        story.spec.queue = Name::new(["agents", "gpu", "a:b"][n as usize % 3]).unwrap();
        story.spec.labels = match n % 4 {
            0 => labels(&[("team", "x"), ("tier", "gold")]),
            1 => labels(&[("team", "xy")]),
            2 => labels(&[("team", ""), ("te", "amx")]),
            _ => labels(&[]),
        };
        story.spec.parent_id = stories.get(3).filter(|_| n % 5 == 4).map(|story: &Story| story.id);
        story.spec.retry_of = stories.get(4).filter(|_| n % 7 == 6).map(|story: &Story| story.id);
        commit(store, story.create());
        if n % 3 != 0 {
            commit(store, story.start(["r", "rr"][n as usize % 2]));
        }
        if n % 6 == 1 {
            commit(store, story.fail_and_retry());
        }
        if n % 6 == 2 {
            commit(store, story.complete());
        }
        stories.push(story);
    }
    stories
}

/// Every id of a query in order, read in pages of `limit`.
fn listed(store: &dyn ExecutionStore, query: &Query, limit: usize) -> Vec<ExecutionId> {
    let mut query = Query { limit, ..query.clone() };
    let mut ids = Vec::new();
    loop {
        let listing = store.list(&query).unwrap();
        assert!(listing.rows.len() <= limit);
        for row in &listing.rows {
            assert_eq!(store.head(&query.namespace, row.id).unwrap(), Some(row.head));
            assert!(std::str::from_utf8(&row.json).unwrap().contains(&row.id.to_string()));
            ids.push(row.id);
        }
        let Some(next) = listing.next else { return ids };
        query.cursor = Some(next.to_string().parse::<Cursor>().unwrap());
    }
}

/// Sets one filter of a query.
type Narrow<'a> = Box<dyn Fn(&mut Query) + 'a>;

fn a_list_by_any_facets_is_what_a_filter_over_all_would_give(fixture: impl Fixture) {
    let store = fixture.store();
    let stories = population(store);
    let name = |text| Some(Name::new(text).unwrap());
    let base = everything(&stories[0].namespace);
    let prefix = |n: usize, len| Some(stories[n].id.to_string()[..len].to_owned());
    let at = |n: usize| stories[n].state.as_ref().map(|state| state.created_at);
    let just_after = |n: usize| at(n).map(|at| Timestamp(at.0 + 1));
    // Every pair of one value from each of two of these rows.
    let facets: Vec<Vec<Narrow<'_>>> = vec![
        Phase::ALL
            .into_iter()
            .map(|p| Box::new(move |q: &mut Query| q.phase = Some(p)) as _)
            .collect(),
        Kind::ALL
            .into_iter()
            .map(|k| Box::new(move |q: &mut Query| q.kind = Some(k)) as _)
            .collect(),
        vec![
            Box::new(|q: &mut Query| q.name = Some("name 3".to_owned())),
            Box::new(|q: &mut Query| q.name = Some("name".to_owned())),
        ],
        vec![
            Box::new(move |q: &mut Query| q.queue = name("gpu")),
            Box::new(move |q: &mut Query| q.queue = name("a:b")),
        ],
        vec![
            Box::new(move |q: &mut Query| q.runner = name("r")),
            Box::new(move |q: &mut Query| q.runner = name("rr")),
        ],
        vec![
            Box::new(|q: &mut Query| q.label = Some(("team".to_owned(), "x".to_owned()))),
            Box::new(|q: &mut Query| q.label = Some(("team".to_owned(), String::new()))),
            Box::new(|q: &mut Query| q.label = Some(("te".to_owned(), "amx".to_owned()))),
        ],
        vec![
            Box::new(|q: &mut Query| q.reason = Some(Reason::RunnerError)),
            Box::new(|q: &mut Query| q.reason = Some(Reason::RunnerLost)),
        ],
        vec![
            Box::new(|q: &mut Query| q.parent = Some(stories[3].id)),
            Box::new(|q: &mut Query| q.parent = Some(stories[4].id)),
        ],
        vec![
            Box::new(|q: &mut Query| q.retry_of = Some(stories[3].id)),
            Box::new(|q: &mut Query| q.retry_of = Some(stories[4].id)),
        ],
        vec![
            Box::new(move |q: &mut Query| q.id_prefix = prefix(4, 36)),
            Box::new(move |q: &mut Query| q.id_prefix = prefix(5, 35)),
            Box::new(move |q: &mut Query| q.id_prefix = prefix(5, 6)),
            Box::new(|q: &mut Query| q.id_prefix = Some("zzz".to_owned())),
        ],
        vec![
            Box::new(move |q: &mut Query| q.since = at(20)),
            Box::new(move |q: &mut Query| q.since = just_after(20)),
        ],
        vec![
            Box::new(move |q: &mut Query| q.until = at(40)),
            Box::new(move |q: &mut Query| q.until = just_after(40)),
        ],
        vec![Box::new(|_: &mut Query| {})],
    ];
    let mut queries = 0;
    for (n, one) in facets.iter().enumerate() {
        for other in &facets[n + 1..] {
            for (set_one, set_other) in one.iter().flat_map(|a| other.iter().map(move |b| (a, b))) {
                let mut query = base.clone();
                set_one(&mut query);
                set_other(&mut query);
                let expected: Vec<_> =
                    stories.iter().rev().filter(|s| wanted(&query, s)).map(|s| s.id).collect();
                let mut counts = Counts::default();
                for story in stories.iter().filter(|story| wanted(&query, story)) {
                    counts.add(story.state.as_ref().unwrap().phase);
                }
                assert_eq!(store.count(&query).unwrap(), counts, "{query:?}");
                for limit in [1, 7, 1_000] {
                    assert_eq!(listed(store, &query, limit), expected, "{query:?}");
                }
                queries += 1;
            }
        }
    }
    assert!(queries > 200);
}

fn wanted(query: &Query, story: &Story) -> bool {
    let state = story.state.as_ref().unwrap();
    let runner = state.runner.as_ref().map(|runner| &runner.id);
    query.phase.is_none_or(|phase| phase == state.phase)
        && query.kind.is_none_or(|kind| kind == story.id.kind())
        && query.name.as_ref().is_none_or(|name| *name == state.spec.name)
        && query.queue.as_ref().is_none_or(|queue| *queue == state.spec.queue)
        && query.runner.as_ref().is_none_or(|wanted| Some(wanted) == runner)
        && query.label.as_ref().is_none_or(|(k, v)| state.spec.labels.get(k) == Some(v))
        && query.reason.is_none_or(|reason| state.reason == Some(reason))
        && query.parent.is_none_or(|parent| state.spec.parent_id == Some(parent))
        && query.retry_of.is_none_or(|first| state.spec.retry_of == Some(first))
        && query.id_prefix.as_ref().is_none_or(|p| story.id.to_string().starts_with(p.as_str()))
        && query.since.is_none_or(|since| state.created_at >= since)
        && query.until.is_none_or(|until| state.created_at < until)
}

fn a_list_goes_on_without_gap_or_repeat_while_others_write(fixture: impl Fixture) {
    let store = fixture.store();
    let mut stories = population(store);
    let mut query = Query { limit: 10, ..everything(&stories[0].namespace) };
    let mut seen = Vec::new();
    let mut newer = 60;
    loop {
        let listing = store.list(&query).unwrap();
        seen.extend(listing.rows.iter().map(|row| row.id));
        commit(store, Story::new("default", newer).create());
        newer += 1;
        for story in stories
            .iter_mut()
            .filter(|story| story.state.as_ref().unwrap().phase == Phase::InProgress)
            .take(3)
        {
            commit(store, story.post(1));
            commit(store, story.complete());
        }
        let Some(next) = listing.next else { break };
        query.cursor = Some(next);
    }
    let expected: Vec<_> = stories.iter().rev().map(|story| story.id).collect();
    assert_eq!(seen, expected);
}

fn an_idempotency_key_leads_to_its_execution_until_that_is_purged(fixture: impl Fixture) {
    let store = fixture.store();
    let (mut a, mut b) = (Story::new("default", 1), Story::new("default", 2));
    assert_eq!(store.used(&a.namespace, "k").unwrap(), None);
    commit(store, keyed(a.create(), "k"));
    let used = store.used(&a.namespace, "k").unwrap().unwrap();
    assert_eq!((used.id, used.fingerprint), (a.id, [7; 32]));
    assert_eq!(store.used(&Name::new("other").unwrap(), "k").unwrap(), None);
    assert_eq!(store.used(&a.namespace, "kk").unwrap(), None);
    commit(store, a.start("r"));
    commit(store, a.complete());
    // The key of an expired execution was taken again: it stays with its new owner.
    commit(store, keyed(b.create(), "k"));
    assert!(store.purge(&a.namespace, a.id).unwrap());
    assert_eq!(store.used(&a.namespace, "k").unwrap().unwrap().id, b.id);
    assert!(store.purge(&b.namespace, b.id).unwrap());
    assert_eq!(store.used(&a.namespace, "k").unwrap(), None);
}

fn a_purged_execution_is_gone_everywhere_and_its_neighbours_are_not(fixture: impl Fixture) {
    let store = fixture.store();
    let before = whole_life(store, "default", 1);
    let mut gone = Story::new("default", 2);
    gone.spec.labels = labels(&[("team", "x")]);
    commit(store, keyed(gone.create(), "k"));
    let append = gone.start("r");
    commit(store, gone.with_snapshot(append));
    commit(store, gone.complete());
    let after = whole_life(store, "default", 3);
    assert!(store.purge(&gone.namespace, gone.id).unwrap());
    assert!(!store.purge(&gone.namespace, gone.id).unwrap());
    Story::new("default", 2).expect_in(store);
    assert_eq!(listed(store, &everything(&gone.namespace), 1), [after.id, before.id]);
    let by_label =
        Query { label: Some(("team".to_owned(), "x".to_owned())), ..everything(&gone.namespace) };
    assert_eq!(listed(store, &by_label, 9), []);
    before.expect_in(store);
    after.expect_in(store);
    let mut late = Story::new("default", 2).create();
    late.expected_seq = 3;
    late.records[0].seq = 4;
    let outcome = store.commit(&[late]).unwrap();
    assert_eq!(outcome, [Err(Refusal::Moved { expected: 3, actual: 0 })]);
    let fixture = fixture.restart();
    Story::new("default", 2).expect_in(fixture.store());
}

fn queues(store: &dyn ExecutionStore) -> Vec<(Name, Name, QueueSettings)> {
    let mut found = Vec::new();
    store.queues(&mut |namespace, queue, set| found.push((namespace, queue, set))).unwrap();
    found.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    found
}

fn what_is_set_on_a_queue_stays_until_it_is_set_otherwise(fixture: impl Fixture) {
    let store = fixture.store();
    let name = |text| Name::new(text).unwrap();
    let (a, ab) = (name("a"), name("ab"));
    assert_eq!(queues(store), []);
    let limits = |max_in_progress| QueueSettings {
        limits: QueueLimits { max_in_progress, ..QueueLimits::default() },
        ..QueueSettings::default()
    };
    store.set_queue(&a, &name("bb"), &limits(Some(1))).unwrap();
    store.set_queue(&ab, &name("b"), &limits(Some(2))).unwrap();
    store.set_queue(&a, &name("c"), &limits(Some(3))).unwrap();
    store.set_queue(&a, &name("bb"), &limits(Some(4))).unwrap();
    let expected = [
        (a.clone(), name("bb"), limits(Some(4))),
        (a.clone(), name("c"), limits(Some(3))),
        (ab, name("b"), limits(Some(2))),
    ];
    assert_eq!(queues(store), expected);
    store.set_queue(&a, &name("c"), &QueueSettings::default()).unwrap();
    let fixture = fixture.restart();
    assert_eq!(queues(fixture.store()), [expected[0].clone(), expected[2].clone()]);
}

fn a_long_log_is_purged_as_a_whole(fixture: impl Fixture) {
    let store = fixture.store();
    let mut long = Story::new("default", 2);
    commit(store, long.create());
    commit(store, long.start("r"));
    for _ in 0..10 {
        commit(store, long.post(100));
    }
    long.expect_in(store);
    let neighbour = whole_life(store, "default", 3);
    commit(store, long.complete());
    assert!(store.purge(&long.namespace, long.id).unwrap());
    Story::new("default", 2).expect_in(store);
    neighbour.expect_in(store);
    let fixture = fixture.restart();
    Story::new("default", 2).expect_in(fixture.store());
    neighbour.expect_in(fixture.store());
}

fn namespaces_do_not_see_each_other(fixture: impl Fixture) {
    let store = fixture.store();
    let a = whole_life(store, "a", 1);
    let b = whole_life(store, "ab", 2);
    assert_eq!(listed(store, &everything(&a.namespace), 9), [a.id]);
    assert_eq!(listed(store, &everything(&b.namespace), 9), [b.id]);
    assert_eq!(store.head(&a.namespace, b.id).unwrap(), None);
    assert!(!store.purge(&a.namespace, b.id).unwrap());
    b.expect_in(store);
}

fn a_restart_keeps_all_that_was_committed_and_counts_an_epoch(fixture: impl Fixture) {
    let meta = fixture.store().meta();
    assert_eq!(meta.epoch, 1);
    let mut story = Story::new("default", 1);
    commit(fixture.store(), keyed(story.create(), "k"));
    let append = story.start("r");
    commit(fixture.store(), story.with_snapshot(append));
    commit(fixture.store(), story.post(3));
    let fixture = fixture.restart();
    let store = fixture.store();
    assert_eq!((store.meta().epoch, store.meta().format), (2, meta.format));
    story.expect_in(store);
    assert_eq!(live(store).into_keys().collect::<Vec<_>>(), [story.id]);
    assert_eq!(store.used(&story.namespace, "k").unwrap().unwrap().id, story.id);
    commit(store, story.post(1));
    commit(store, story.complete());
    let fixture = fixture.restart();
    assert_eq!(fixture.store().meta().epoch, 3);
    story.expect_in(fixture.store());
    assert!(live(fixture.store()).is_empty());
}

fn recovery_of_a_healthy_store_changes_nothing(fixture: impl Fixture) {
    let store = fixture.store();
    let mut story = Story::new("default", 1);
    commit(store, story.create());
    let meta = store.meta();
    store.recover().unwrap();
    store.healthy().unwrap();
    assert_eq!(store.meta(), meta);
    story.expect_in(store);
    commit(store, story.start("r"));
    story.expect_in(store);
}

fn the_terminal_head_is_still_guarded(fixture: impl Fixture) {
    let store = fixture.store();
    let story = whole_life(store, "default", 1);
    let mut late = Story::new("default", 1);
    let refused = store.commit(&[late.create()]).unwrap();
    assert_eq!(refused, [Err(Refusal::Moved { expected: 0, actual: story.head() })]);
    story.expect_in(store);
}

#[test]
fn a_failed_write_refuses_everything_until_recovery() {
    let store = FaultyStore::new(MemoryStore::new());
    let mut story = Story::new("default", 1);
    commit(&store, story.create());
    store.set_failing(true);
    let start = story.start("r");
    assert!(matches!(store.commit(std::slice::from_ref(&start)), Err(Error::Io(_))));
    assert!(matches!(store.healthy(), Err(Error::Unhealthy(_))));
    assert!(matches!(store.head(&story.namespace, story.id), Err(Error::Unhealthy(_))));
    assert!(matches!(store.commit(std::slice::from_ref(&start)), Err(Error::Unhealthy(_))));
    assert!(store.recover().is_err());
    store.set_failing(false);
    assert!(matches!(store.commit(std::slice::from_ref(&start)), Err(Error::Unhealthy(_))));
    store.recover().unwrap();
    assert_eq!(store.head(&story.namespace, story.id).unwrap(), Some(1));
    commit(&store, start);
    story.expect_in(&store);
}

#[test]
fn a_lost_answer_may_have_been_a_success() {
    let store = FaultyStore::new(MemoryStore::new());
    let mut story = Story::new("default", 1);
    store.lose_next_answer();
    assert!(store.commit(&[story.create()]).is_err());
    store.recover().unwrap();
    story.expect_in(&store);
}

#[test]
fn a_stalled_commit_is_not_visible_before_it_goes_on() {
    let store = FaultyStore::new(MemoryStore::new());
    let mut story = Story::new("default", 1);
    let create = story.create();
    store.set_stalled(true);
    std::thread::scope(|scope| {
        let commit = scope.spawn(|| store.commit(&[create]));
        store.wait_until_stalled();
        assert_eq!(store.head(&story.namespace, story.id).unwrap(), None);
        store.set_stalled(false);
        assert_eq!(commit.join().unwrap().unwrap(), [Ok(())]);
    });
    story.expect_in(&store);
}

#[test]
fn a_crashed_memory_store_cannot_write_behind_its_successor() {
    let old = MemoryStore::new();
    let mut story = Story::new("default", 1);
    commit(&old, story.create());
    let new = old.crash();
    assert!(matches!(old.commit(&[story.start("r")]), Err(Error::Unhealthy(_))));
    assert_eq!(new.head(&story.namespace, story.id).unwrap(), Some(1));
}
