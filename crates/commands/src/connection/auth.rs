//! AUTH [username] password
//!
//! Shows the password, where the node asks for one. There is one user, `default`; where no password is set, any is right for it.
//!
//! > AUTH default anything
//! OK
//! > AUTH somebody anything
//! (error) WRONGPASS invalid username-password pair or user is disabled.
//! > AUTH default too many
//! (error) ERR syntax error

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "auth",
    summary: "Shows the password.",
    since: "1.0.0",
    group: Group::Connection,
    arity: Arity::AtLeast(2),
    keys: Keys::None,
    flags: Flags::FAST
        .and(Flags::LOADING)
        .and(Flags::STALE)
        .and(Flags::NO_SCRIPT)
        .and(Flags::NO_AUTH)
        .and(Flags::ALLOW_BUSY)
        .and(Flags::CONNECTION)
        .and(Flags::ENDS_BATCH),
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match (args.get(1), args.get(2), args.len()) {
        (Some(password), None, 2) if cx.server.is_password(password).is_some() => {
            log_in(cx, b"default", password)?;
        }
        (Some(_), None, 2) => return Err(Error::AuthWithoutPassword),
        (Some(user), Some(password), 3) => log_in(cx, user, password)?,
        _ => return Err(Error::Syntax),
    }
    reply.ok();
    Ok(())
}

/// Lets the connection in as `user`. Where no password is set, any is right.
pub(crate) fn log_in(cx: &mut SessionContext<'_>, user: &[u8], password: &[u8]) -> Outcome {
    if user != b"default" || cx.server.is_password(password) == Some(false) {
        return Err(Error::WrongPassword);
    }
    cx.session.authenticated = true;
    Ok(())
}
