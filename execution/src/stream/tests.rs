//! The rules one by one, and a model of a stream that only counts.

use proptest::prelude::*;

use super::*;
use crate::id::Kind;

const PRODUCERS: usize = 3;

fn config(content_type: &str) -> Config {
    Config {
        path: "a/b".to_owned(),
        content_type: content_type.to_owned(),
        ttl: None,
        expires_at: None,
        fork: None,
    }
}

fn create(config: Config, closed: bool) -> Command {
    Command::Create { config, anchored: true, closed, messages: 0 }
}

fn producer(id: &str, epoch: u64, seq: u64) -> Option<Producer> {
    Some(Producer { id: id.to_owned(), epoch, seq })
}

fn append(messages: usize, close: bool, producer: Option<Producer>) -> Command {
    Command::Append {
        content_type: Some("text/plain".to_owned()),
        messages,
        close,
        producer,
        stream_seq: None,
    }
}

/// A stream with the shell's part of the work: it counts the head.
#[derive(Default)]
struct Stream(Option<State>);

impl Stream {
    fn created(content_type: &str) -> Self {
        let mut stream = Self::default();
        stream.does(create(config(content_type), false)).expect("it is new");
        stream
    }

    fn does(&mut self, command: Command) -> Result<Outcome, Rejection> {
        let count = match &command {
            Command::Create { messages, .. } | Command::Append { messages, .. } => *messages as u64,
            Command::Delete { .. } => 0,
        };
        let decision = decide(self.0.as_ref(), command, PRODUCERS)?;
        let mut head = self.0.as_ref().map_or(0, |s| s.head);
        for note in [&decision.before, &decision.after].into_iter().flatten() {
            State::apply(&mut self.0, note);
            head += 1;
        }
        head += if decision.messages { count } else { 0 };
        self.0.as_mut().expect("it was created").head = head;
        Ok(decision.reply.outcome)
    }

    fn tail(&self) -> u64 {
        self.0.as_ref().map_or(0, State::tail)
    }
}

#[test]
fn creating_again_is_the_same_only_with_the_same_configuration() {
    let mut stream = Stream::created("text/plain; charset=utf-8");
    assert_eq!(stream.does(create(config("TEXT/plain"), false)), Ok(Outcome::Exists));
    let differs = |what| Err(Rejection::Differs { what });
    assert_eq!(stream.does(create(config("text/html"), false)), differs("content type"));
    assert_eq!(stream.does(create(config("text/plain"), true)), differs("Stream-Closed"));
    let with_ttl = Config { ttl: Some(5), ..config("text/plain") };
    assert_eq!(stream.does(create(with_ttl, false)), differs("Stream-TTL"));
    let source = ExecutionId::new(Kind::Agent, 1);
    let fork = Some(Fork { source, anchor: 0, sub: 0, place: 0 });
    assert_eq!(
        stream.does(create(Config { fork, ..config("text/plain") }, false)),
        differs("fork")
    );
}

#[test]
fn what_is_closed_takes_nothing_and_stays_where_it_was() {
    let mut stream = Stream::created("text/plain");
    assert_eq!(stream.does(append(2, false, None)), Ok(Outcome::Appended));
    let tail = stream.tail();
    assert_eq!(stream.does(append(0, true, None)), Ok(Outcome::Closed));
    assert_eq!(stream.does(append(0, true, None)), Ok(Outcome::Closed), "closing is idempotent");
    assert_eq!(stream.tail(), tail);
    for close in [true, false] {
        assert_eq!(stream.does(append(1, close, None)), Err(Rejection::Closed { tail }));
    }
    // Closed comes before every other conflict.
    let mut other = append(1, false, producer("p", 0, 7));
    if let Command::Append { content_type, .. } = &mut other {
        *content_type = Some("image/png".to_owned());
    }
    assert_eq!(stream.does(other), Err(Rejection::Closed { tail }));
}

#[test]
fn whoever_closed_it_may_repeat_that() {
    let mut stream = Stream::created("text/plain");
    assert_eq!(stream.does(append(1, true, producer("p", 0, 0))), Ok(Outcome::Appended));
    let tail = stream.tail();
    assert_eq!(stream.does(append(3, true, producer("p", 0, 0))), Ok(Outcome::Duplicate));
    let refused = stream.does(append(1, true, producer("p", 0, 1)));
    assert_eq!(refused, Err(Rejection::Closed { tail }));
}

#[test]
fn a_producer_is_fenced_by_its_epoch_and_counted_by_its_seq() {
    let mut stream = Stream::created("text/plain");
    let gap = |expected, received| Err(Rejection::Gap { expected, received });
    assert_eq!(stream.does(append(1, false, producer("p", 4, 1))), gap(0, 1));
    assert_eq!(stream.does(append(1, false, producer("p", 4, 0))), Ok(Outcome::Appended));
    assert_eq!(stream.does(append(1, false, producer("p", 4, 0))), Ok(Outcome::Duplicate));
    assert_eq!(stream.does(append(1, false, producer("p", 4, 2))), gap(1, 2));
    assert_eq!(stream.does(append(1, false, producer("p", 4, 1))), Ok(Outcome::Appended));
    let stale = stream.does(append(1, false, producer("p", 3, 0)));
    assert_eq!(stale, Err(Rejection::StaleEpoch { current: 4 }));
    assert_eq!(stream.does(append(1, false, producer("p", 5, 1))), Err(Rejection::EpochStart));
    assert_eq!(stream.does(append(1, false, producer("p", 5, 0))), Ok(Outcome::Appended));
    for other in ["q", "r"] {
        assert_eq!(stream.does(append(1, false, producer(other, 0, 0))), Ok(Outcome::Appended));
    }
    let limit = stream.does(append(1, false, producer("s", 0, 0)));
    assert_eq!(limit, Err(Rejection::TooManyProducers { limit: PRODUCERS }));
}

#[test]
fn stream_seqs_grow_byte_by_byte() {
    let mut stream = Stream::created("text/plain");
    let with = |text: &str| {
        let mut command = append(1, false, None);
        if let Command::Append { stream_seq, .. } = &mut command {
            *stream_seq = Some(text.to_owned());
        }
        command
    };
    assert_eq!(stream.does(with("2")), Ok(Outcome::Appended));
    for not_greater in ["10", "2", ""] {
        let last = "2".to_owned();
        assert_eq!(stream.does(with(not_greater)), Err(Rejection::StreamSeq { last }));
    }
    assert_eq!(stream.does(append(1, false, None)), Ok(Outcome::Appended), "it may be left out");
    assert_eq!(stream.does(with("a")), Ok(Outcome::Appended));
    assert!(stream.does(with("B")).is_err(), "case counts");
}

#[test]
fn an_append_needs_a_body_of_the_right_type_and_closing_needs_neither() {
    let mut stream = Stream::created("application/json");
    assert_eq!(stream.does(append(0, false, None)), Err(Rejection::Empty));
    let takes = "application/json".to_owned();
    assert_eq!(stream.does(append(1, false, None)), Err(Rejection::OtherType { takes }));
    assert_eq!(stream.does(append(0, true, None)), Ok(Outcome::Closed));
}

#[test]
fn what_has_forks_is_kept_for_them_and_for_nobody_else() {
    let mut stream = Stream::created("text/plain");
    assert_eq!(stream.does(Command::Delete { forked: true }), Ok(Outcome::Deleted));
    assert_eq!(stream.does(Command::Delete { forked: false }), Err(Rejection::Gone));
    assert_eq!(stream.does(append(1, false, None)), Err(Rejection::Gone));
    assert_eq!(stream.does(create(config("text/plain"), false)), Err(Rejection::Taken));
    let mut without = Stream::created("text/plain");
    assert_eq!(without.does(Command::Delete { forked: false }), Ok(Outcome::Purge));
    assert_eq!(Stream::default().does(append(1, false, None)), Err(Rejection::NotFound));
}

#[test]
fn a_ttl_slides_and_an_instant_does_not() {
    let mut state = Stream::created("text/plain").0.expect("it was created");
    assert_eq!(state.expires(Timestamp(5)), None);
    state.config.ttl = Some(2);
    assert_eq!(state.expires(Timestamp(5)), Some(Timestamp(2_000_005)));
    state.config = Config { ttl: None, expires_at: Some(Timestamp(9)), ..state.config };
    assert_eq!(state.expires(Timestamp(5)), Some(Timestamp(9)));
}

#[test]
fn a_fork_counts_on_where_it_left() {
    let source = ExecutionId::new(Kind::Agent, 1);
    let fork = Some(Fork { source, anchor: 7, sub: 0, place: 7 });
    let mut stream = Stream::default();
    let forked = Config { fork, ..config("text/plain") };
    assert_eq!(stream.does(create(forked, false)), Ok(Outcome::Created));
    assert_eq!(stream.tail(), 7);
    assert_eq!(stream.does(append(2, false, None)), Ok(Outcome::Appended));
    assert_eq!(stream.tail(), 9);
}

#[test]
fn a_body_is_one_value_or_the_elements_of_one_array() {
    let split = |body| -> Vec<String> {
        messages(body).expect("JSON").iter().map(|m| m.get().to_owned()).collect()
    };
    assert_eq!(split(" {\"a\": 1} "), ["{\"a\": 1}"]);
    assert_eq!(split("[[1,2],[3, 4]]"), ["[1,2]", "[3, 4]"]);
    assert_eq!(split("[[[1]]]"), ["[[1]]"]);
    assert!(split(" [ ] ").is_empty());
    for wrong in ["", "{", "[1,]", "1 2", "nil", "[1]]"] {
        assert!(messages(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn lifetimes_are_read_strictly() {
    assert_eq!((ttl_of("3600"), ttl_of("0")), (Some(3600), Some(0)));
    for wrong in ["", "+60", "060", "60.5", "1e3", "-1", "abc", "99999999999999999999"] {
        assert_eq!(ttl_of(wrong), None, "{wrong:?}");
    }
    assert_eq!(expiry_of("1970-01-01T00:00:01+00:00"), Some(Timestamp(1_000_000)));
    assert_eq!(expiry_of("not-a-timestamp"), None);
}

#[test]
fn media_are_told_by_their_essence() {
    for (text, media) in [
        ("application/json; charset=utf-8", Media::Json),
        ("APPLICATION/JSON", Media::Json),
        ("application/ndjson", Media::Binary),
        ("Text/Plain", Media::Text),
        ("té", Media::Binary),
        ("", Media::Binary),
    ] {
        assert_eq!(Media::of(text), media, "{text}");
    }
}

proptest! {
    /// Whatever retries and restarts of however many producers: each request is in the stream once
    /// or not at all, in the order of its producer, and the notes alone fold to the same state.
    #[test]
    fn each_request_of_a_producer_counts_once(
        requests in proptest::collection::vec((0_usize..4, 0_u64..3, 0_u64..4, any::<bool>()), 0..80)
    ) {
        let mut stream = Stream::created("text/plain");
        let mut notes = vec![Note::Created(config("text/plain"))];
        let mut accepted: Vec<(usize, u64, u64)> = Vec::new();
        for (who, epoch, seq, close) in requests {
            let close = close && who == 0 && epoch == 2 && seq == 3;
            let command = append(1, close, producer(["p", "q", "r", "s"][who], epoch, seq));
            let decision = decide(stream.0.as_ref(), command.clone(), PRODUCERS);
            let tail = stream.tail();
            match stream.does(command) {
                Ok(Outcome::Appended) => {
                    prop_assert!(!accepted.contains(&(who, epoch, seq)));
                    let last = accepted.iter().rev().find(|(w, ..)| *w == who);
                    let next = match last {
                        None => seq == 0,
                        Some((_, e, s)) => (epoch == *e && seq == s + 1) || (epoch > *e && seq == 0),
                    };
                    prop_assert!(next, "{last:?} then {epoch}/{seq}");
                    accepted.push((who, epoch, seq));
                    let decision = decision.expect("it was accepted");
                    notes.extend(decision.before.into_iter().chain(decision.after));
                    prop_assert!(stream.tail() > tail);
                }
                Ok(outcome) => {
                    prop_assert_eq!(outcome, Outcome::Duplicate);
                    prop_assert_eq!(stream.tail(), tail);
                }
                Err(_) => prop_assert_eq!(stream.tail(), tail),
            }
        }
        let mut folded = None;
        notes.iter().for_each(|note| State::apply(&mut folded, note));
        let folded = folded.map(|state| State { head: stream.0.as_ref().map_or(0, |s| s.head), ..state });
        prop_assert_eq!(folded, stream.0);
    }

    #[test]
    fn a_note_reads_back(id in "[a-z]{1,9}", epoch in 0..NUMBER_MAX, seq in proptest::option::of("[ -~]{0,9}")) {
        let note = Note::Appended { producer: producer(&id, epoch, 3), stream_seq: seq };
        let json = serde_json::to_vec(&note).expect("plain JSON");
        prop_assert_eq!(serde_json::from_slice::<Note>(&json).expect("the same"), note);
    }
}
