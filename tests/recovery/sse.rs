//! An event stream, taken apart as it comes.

/// One message of an event stream.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) name: String,
    pub(crate) id: Option<u64>,
    pub(crate) data: String,
}

/// Takes an event stream apart as it comes.
#[derive(Default)]
pub(crate) struct Messages {
    buffer: Vec<u8>,
}

impl Messages {
    /// The messages that are whole now. What a kill has cut short is never one of them.
    pub(crate) fn add(&mut self, chunk: &[u8]) -> Vec<Message> {
        self.buffer.extend_from_slice(chunk);
        let mut found = Vec::new();
        while let Some(end) = self.buffer.windows(2).position(|two| two == b"\n\n") {
            let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
            let text = String::from_utf8(block).expect("a message is UTF-8");
            let mut message = Message::default();
            for line in text.lines() {
                match line.split_once(": ") {
                    Some(("id", id)) => message.id = Some(id.parse().expect("an id is a seq")),
                    Some(("event", name)) => name.clone_into(&mut message.name),
                    Some(("data", data)) => message.data.push_str(data),
                    Some(("retry" | "", _)) | None => {}
                    Some((field, _)) => panic!("no field of a stream: {field}"),
                }
            }
            if !message.data.is_empty() {
                found.push(message);
            }
        }
        found
    }
}
