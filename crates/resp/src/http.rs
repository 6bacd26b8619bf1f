//! Web pages that try to talk to a port of ours.
//!
//! A page can make the browser of whoever looks at it send a POST to any address, loopback included, with a body of lines
//! that would be inline requests. Every request of a browser has a `Host:` header before its body, so a connection that is
//! closed at either word runs nothing of the body.

/// Whether a request of this name is a line of HTTP: the two names at which Redis closes the connection without a reply.
pub fn is_http(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"POST") || name.eq_ignore_ascii_case(b"Host:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_web_request_are_no_commands_and_commands_are_none_of_them() {
        for name in ["POST", "post", "Host:", "HOST:"] {
            assert!(is_http(name.as_bytes()), "{name}");
        }
        for name in ["", "GET", "host", "PUT", "k"] {
            assert!(!is_http(name.as_bytes()), "{name}");
        }
    }
}
