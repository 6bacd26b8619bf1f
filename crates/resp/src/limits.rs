//! How much one request may ask of the parser.

/// The largest request that is understood; what exceeds it is a [`ProtocolError`](crate::ProtocolError).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of one argument, in bytes (Redis: `proto-max-bulk-len`).
    pub bulk_bytes_max: usize,
    /// Number of arguments, the command's name included.
    pub args_max: usize,
    /// Length of an inline request, and of the lines that carry lengths, in bytes without the line feed.
    pub inline_bytes_max: usize,
    /// Length of a whole request on the wire, in bytes (Redis: `client-query-buffer-limit`).
    /// The parser treats more than [`Limits::REQUEST_BYTES_CEILING`] as that.
    pub request_bytes_max: usize,
}

impl Limits {
    /// Positions within a request are kept as `u32`, so no request can be longer than this.
    pub const REQUEST_BYTES_CEILING: usize = u32::MAX as usize;

    /// For a peer that has not yet proved who it is: 10 arguments of 16 KiB, as in Redis.
    pub const fn unauthenticated() -> Self {
        Self {
            bulk_bytes_max: 16 << 10,
            args_max: 10,
            inline_bytes_max: 16 << 10,
            request_bytes_max: 256 << 10,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bulk_bytes_max: 512 << 20,
            args_max: 1 << 20,
            inline_bytes_max: 64 << 10,
            request_bytes_max: 1 << 30,
        }
    }
}
