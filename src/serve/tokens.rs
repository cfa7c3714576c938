//! Who may begin runs, where that is not everybody.

use crate::net::secret::Secret;
use proxyprobe_probes::io::proof::admits;

/// A token and the name of whom it was given to, which is in logs and metrics.
#[derive(Clone)]
pub struct Token {
    /// The name.
    pub name: String,
    /// What is known to its owner and to this server.
    pub secret: Secret,
}

/// A token is no shorter: what is shown of it could be tried against short ones by whoever sees it.
const LEAST: usize = 16;
/// The name of one that was given without.
const UNNAMED: &str = "default";

impl Token {
    /// Reads `NAME=TOKEN` or a token alone.
    ///
    /// # Errors
    /// What is wrong with it, without the token.
    pub fn read(text: &str) -> Result<Self, String> {
        let (name, secret) = text.trim().split_once('=').unwrap_or((UNNAMED, text.trim()));
        let named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !named {
            return Err("the name of a token has letters, digits, and - _ . alone".to_owned());
        }
        if secret.len() < LEAST || secret.contains(char::is_whitespace) {
            return Err(format!("the token of {name} is shorter than {LEAST} characters, or has a blank in it"));
        }
        Ok(Self { name: name.to_owned(), secret: Secret::new(secret) })
    }

    /// Reads a file of them, one on each line; empty lines and those that begin with # are passed over.
    ///
    /// # Errors
    /// As [`Token::read`].
    pub fn read_all(text: &str) -> Result<Vec<Self>, String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(Self::read).collect()
    }
}

/// The name of the token that admits a request. All of them are tried, each in constant time.
pub(super) fn admitted(tokens: &[Token], nonce: &str, shown: &str) -> Option<String> {
    let mut name = None;
    for token in tokens {
        if admits(token.secret.expose(), nonce, shown) {
            name = Some(token.name.clone());
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxyprobe_probes::io::proof::admission;

    #[test]
    fn tokens_are_read_with_their_names_and_admit_by_them() {
        let file = "# who may\n\nacme=0123456789abcdef\n  fedcba9876543210  \n";
        let tokens = Token::read_all(file).unwrap_or_default();
        let by = |token: &str| admitted(&tokens, "n", &admission(token, "n"));
        assert_eq!(by("0123456789abcdef").as_deref(), Some("acme"));
        assert_eq!(by("fedcba9876543210").as_deref(), Some(UNNAMED));
        assert_eq!(by("0123456789abcdee"), None);
        assert_eq!(admitted(&tokens, "n", ""), None);
        for wrong in ["short", "a b=0123456789abcdef", "=0123456789abcdef", "acme=0123456789 abcdef", "x\u{1b}=0123456789abcdef"]
        {
            let why = Token::read(wrong).err().unwrap_or_default();
            assert!(!why.is_empty() && !why.contains("0123"), "{wrong}: {why}");
        }
    }
}
