//! The command line as a report may show it.

/// Flags whose values are secrets, or name a user.
const SECRET: &[&str] = &["--proxy-user", "--token", "--header", "--also-header"];

/// The arguments as one line that a shell would read, without secrets: values of flags that may hold one, and user and password in URLs.
pub fn shown(arguments: impl Iterator<Item = String>) -> String {
    let mut words = Vec::new();
    let mut hide_next = false;
    for argument in arguments {
        let (flag, value) = match argument.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (Some(flag), Some(value)),
            _ => (argument.starts_with("--").then_some(argument.as_str()), None),
        };
        let secret = flag.is_some_and(|flag| SECRET.contains(&flag));
        words.push(match (secret, value) {
            _ if hide_next => HIDDEN.to_owned(),
            (true, Some(_)) => format!("{}={HIDDEN}", flag.unwrap_or_default()),
            _ => quoted(&without_userinfo(&argument)),
        });
        hide_next = secret && value.is_none() && !hide_next;
    }
    words.join(" ")
}

const HIDDEN: &str = "(hidden)";

/// Everything between a scheme, or the beginning, and the last `@`: a password may hold any character.
fn without_userinfo(word: &str) -> String {
    let start =
        word.find("://").map_or_else(|| word.find('=').filter(|_| word.starts_with("--")).map_or(0, |at| at + 1), |at| at + 3);
    match word.rfind('@').filter(|at| *at >= start) {
        Some(at) => format!("{}{HIDDEN}{}", word.get(..start).unwrap_or_default(), word.get(at..).unwrap_or_default()),
        None => word.to_owned(),
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+%()".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(arguments: &[&str]) -> String {
        shown(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn no_secret_is_shown() {
        for arguments in [
            &["check", "--proxy", "http://jdoe:can@ary/:%20@proxy:3128", "https://x"][..],
            &["check", "--proxy=http://jdoe:canary@proxy:3128"],
            &["check", "--proxy", "jdoe:canary@proxy:3128"],
            &["check", "--proxy=jdoe:canary@proxy"],
            &["check", "--header", "Authorization: canary"],
            &["check", "--header=X: canary", "--token", "canary"],
            &["check", "--also-header", "Cookie: canary", "--also-header=X: canary"],
            &["check", "--proxy-user", "jdoe-canary", "--token=canary"],
        ] {
            let shown = line(arguments);
            assert!(!shown.contains("canary") && !shown.contains("jdoe") && !shown.contains("ary/"), "{shown}");
            assert!(shown.starts_with("check --"), "{shown}");
        }
        assert_eq!(
            line(&["check", "--quick", "https://x:8443", "--note", "it's me"]),
            "check --quick https://x:8443 --note 'it'\\''s me'"
        );
    }
}
