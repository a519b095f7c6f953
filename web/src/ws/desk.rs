//! Where the two halves of a socket meet: what the client asked for, and whether it is over. Both
//! halves run in one task, so this is plain shared data.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};

use actix_http::ws::{CloseCode, CloseReason, Parser};
use bytes::BytesMut;

use super::ops::Op;

/// The most operations that wait to be taken up. They are taken up before the next frames are
/// read, so a client that meets this bound sends faster than it can be answered.
const ASKED_MAX: usize = 256;
/// With so many of them waiting, no more frames are let in.
const ASKED_ENOUGH: usize = 128;

/// Why and how a socket is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Close {
    code: u16,
    reason: String,
}

impl Close {
    pub(super) fn new(code: u16, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    /// The code.
    #[cfg(test)]
    pub(super) fn code(&self) -> u16 {
        self.code
    }

    /// As actix-web-actors takes it.
    pub(super) fn reason(&self) -> CloseReason {
        CloseReason { code: CloseCode::from(self.code), description: Some(self.reason.clone()) }
    }

    /// As a frame.
    pub(super) fn encode(&self, out: &mut BytesMut) {
        Parser::write_close(out, Some(self.reason()), false);
    }
}

#[derive(Default)]
struct Papers {
    asked: RefCell<VecDeque<Op>>,
    /// A frame to send first and a close to follow it.
    refusal: RefCell<Option<(String, Close)>>,
    /// What the guard found wrong with the client's frames.
    violation: RefCell<Option<Close>>,
    closing: Cell<bool>,
    /// Frames that the guard has let in and the actor has not handled.
    unhandled: Cell<usize>,
    /// Frames that were let in, ever.
    frames: Cell<u64>,
    /// Frames wait outside until there is room for what they ask.
    held_back: Cell<bool>,
}

/// See the module. A clone is the same desk.
#[derive(Clone, Default)]
pub(super) struct Desk(Rc<Papers>);

impl Desk {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Leaves an operation for the subscriptions. False when too many wait.
    pub(super) fn ask(&self, op: Op) -> bool {
        let mut asked = self.0.asked.borrow_mut();
        let room = asked.len() < ASKED_MAX;
        if room {
            asked.push_back(op);
        }
        room
    }

    /// The next operation.
    pub(super) fn take(&self) -> Option<Op> {
        self.0.asked.borrow_mut().pop_front()
    }

    /// Whether frames must wait outside.
    pub(super) fn hold_back(&self) -> bool {
        let full = self.0.asked.borrow().len() >= ASKED_ENOUGH;
        self.0.held_back.set(full);
        full
    }

    /// Whether frames that waited outside may come in now; true once.
    pub(super) fn has_made_room(&self) -> bool {
        let room = self.0.asked.borrow().len() < ASKED_ENOUGH;
        room && self.0.held_back.replace(false)
    }

    /// Refuses the whole socket as soon as it is open.
    pub(super) fn refuse(&self, frame: String, close: Close) {
        *self.0.refusal.borrow_mut() = Some((frame, close));
    }

    pub(super) fn take_refusal(&self) -> Option<(String, Close)> {
        self.0.refusal.borrow_mut().take()
    }

    pub(super) fn violated(&self, close: Close) {
        *self.0.violation.borrow_mut() = Some(close);
    }

    pub(super) fn take_violation(&self) -> Option<Close> {
        self.0.violation.borrow_mut().take()
    }

    /// A close was sent; nothing but the client's own close matters now.
    pub(super) fn close(&self) {
        self.0.closing.set(true);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.0.closing.get()
    }

    pub(super) fn let_in(&self) {
        self.0.unhandled.set(self.0.unhandled.get() + 1);
        self.0.frames.set(self.0.frames.get() + 1);
    }

    /// Frames so far.
    pub(super) fn frames(&self) -> u64 {
        self.0.frames.get()
    }

    pub(super) fn handled(&self) {
        self.0.unhandled.set(self.0.unhandled.get().saturating_sub(1));
    }

    pub(super) fn unhandled(&self) -> usize {
        self.0.unhandled.get()
    }
}
