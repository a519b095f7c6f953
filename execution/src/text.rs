//! Text of a fixed length: ids and instants, a dozen of which are in each event or list row, so
//! they are written without the formatting machinery.

/// `N` bytes of ASCII.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<const N: usize>([u8; N]);

impl<const N: usize> Text<N> {
    /// Blank, to be filled from the left.
    pub(crate) const fn new() -> Self {
        Self([b' '; N])
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only ASCII is written")
    }

    /// Puts `text` at `at`.
    pub(crate) fn put(&mut self, at: usize, text: &str) {
        debug_assert!(text.is_ascii());
        self.0[at..at + text.len()].copy_from_slice(text.as_bytes());
    }

    /// Puts the 32 lower-case hexadecimal digits of `value` at `at`.
    pub(crate) fn put_hex(&mut self, at: usize, value: u128) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for (pair, byte) in self.0[at..at + 32].chunks_exact_mut(2).zip(value.to_be_bytes()) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
    }

    /// Puts the last `digits` decimal digits of `value` at `at`.
    pub(crate) fn put_decimal(&mut self, at: usize, digits: usize, mut value: u32) {
        for place in self.0[at..at + digits].iter_mut().rev() {
            *place = b'0' + (value % 10) as u8;
            value /= 10;
        }
    }
}

/// Serializes as text and reads what [`FromStr`](std::str::FromStr) reads; after `as` come the
/// methods that give the text.
macro_rules! text_serde {
    ($($type:ty as $($text:ident).+),*) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self$(.$text())+)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
pub(crate) use text_serde;
