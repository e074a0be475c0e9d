//! Basic authentication: one user, whose password is known by its bcrypt hash. Words and order are the reference's.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::service::{Denial, Failure};

/// The bcrypt hash of the reference's default password, `cerbosAdmin`.
const DEFAULT_HASH: &str = "$2y$10$VlPwcwpgcGZ5KjTaN1Pzk.vpFiQVG6F2cSWzQa9RtrNo3IacbzsEi";

/// The admin's name and the hash of the password.
#[derive(Clone)]
pub struct Credentials {
    username: String,
    hash: String,
}

impl fmt::Debug for Credentials {
    /// Without the hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

impl Credentials {
    /// From the base64 of a bcrypt hash, as the configuration has it. None if it is no such thing.
    #[must_use]
    pub fn new(username: String, hash: &str) -> Option<Self> {
        let hash = String::from_utf8(STANDARD.decode(hash.trim()).ok()?).ok()?.trim().to_owned();
        // The cost is what one attempt takes: beyond some 16 it is minutes of a core.
        let cost: u32 = hash.split('$').nth(2)?.parse().ok()?;
        let fits = hash.parse::<bcrypt::HashParts>().is_ok() && (4..=16).contains(&cost);
        fits.then_some(Self { username, hash })
    }

    /// The reference's default password, which everybody knows.
    #[must_use]
    pub fn default_of_cerbos(username: String) -> Self {
        Self { username, hash: DEFAULT_HASH.to_owned() }
    }

    /// Checks an `authorization` header. Takes the time of a bcrypt, so not on a thread that serves others.
    ///
    /// # Errors
    /// If it does not prove who asks.
    pub(super) fn check(&self, header: Option<&[u8]>) -> Result<(), Failure> {
        let denied = |why| Err(Failure::Unauthenticated(why));
        let Some(header) = header else { return denied(Denial::Missing) };
        let Some(encoded) = header.strip_prefix(b"Basic ") else { return denied(Denial::Method) };
        let Some(decoded) = STANDARD.decode(encoded).ok().and_then(|d| String::from_utf8(d).ok()) else {
            return denied(Denial::Encoding);
        };
        let mut parts = decoded.split(':');
        let (Some(user), Some(password), None) = (parts.next(), parts.next(), parts.next()) else {
            return denied(Denial::Form);
        };
        // Both are looked at, so that the time taken does not tell a right name.
        let password_is_right = bcrypt::verify(password, &self.hash).unwrap_or(false);
        if password_is_right && user == self.username { Ok(()) } else { denied(Denial::Wrong) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_password_is_the_references_and_every_refusal_has_its_words() {
        let credentials = Credentials::default_of_cerbos("cerbos".into());
        let check = |header: &str| credentials.check(Some(header.as_bytes())).map_err(|f| f.to_string());
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        assert_eq!(check(&basic("cerbos:cerbosAdmin")), Ok(()));
        assert_eq!(credentials.check(None).unwrap_err().to_string(), "authentication required");
        for (header, words) in [
            ("Bearer x", "unsupported authentication method"),
            ("basic eDp5", "unsupported authentication method"),
            ("Basic !!!", "failed to decode credentials"),
            (&basic("x"), "invalid credentials"),
            (&basic("x:y:z"), "invalid credentials"),
            (&basic("cerbos:x"), "incorrect credentials"),
            (&basic("x:cerbosAdmin"), "incorrect credentials"),
        ] {
            assert_eq!(check(header), Err(words.to_owned()), "{header}");
        }
    }

    #[test]
    fn a_hash_is_checked_when_it_is_configured() {
        let encoded = STANDARD.encode(format!("{DEFAULT_HASH}\n"));
        assert!(Credentials::new("a".into(), &encoded).is_some());
        let dear = DEFAULT_HASH.replace("$10$", "$31$");
        for wrong in ["", "x", DEFAULT_HASH, &STANDARD.encode("secret"), &STANDARD.encode(dear)] {
            assert!(Credentials::new("a".into(), wrong).is_none(), "{wrong}");
        }
        let shown = format!("{:?}", Credentials::default_of_cerbos("a".into()));
        assert!(!shown.contains("$2"), "{shown}");
    }
}
