//! The settings of `serve` that come from variables and from a file: both become arguments behind those of the command line, so that
//! names, values and mistakes are the same everywhere.

use super::Cli;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};
use std::ffi::OsString;

/// What variables begin with.
const PREFIX: &str = "PROXYPROBE_SERVE_";
/// The flag that names the file.
const CONFIG: &str = "config";

/// Reads the command line, and what else sets `serve`.
///
/// # Errors
/// What is wrong with it, to be printed.
pub fn parse(arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    #[expect(clippy::disallowed_methods, reason = "a part of the one place that reads the environment")]
    let variable = |name: &str| std::env::var(name).ok();
    parse_with(arguments, variable)
}

fn parse_with(arguments: Vec<OsString>, variable: impl Fn(&str) -> Option<String>) -> Result<Cli, clap::Error> {
    let command = Cli::command();
    // What the line alone says may be incomplete: a key without its certificate, which is in the file.
    let line = command.clone().ignore_errors(true).try_get_matches_from(&arguments);
    let extra = match line.as_ref().ok().and_then(ArgMatches::subcommand) {
        Some(("serve", given)) => further(&command, given, variable)?,
        _ => Vec::new(),
    };
    let matches = command.try_get_matches_from(arguments.into_iter().chain(extra.into_iter().map(OsString::from)))?;
    Cli::from_arg_matches(&matches)
}

/// The arguments that variables and the file add to those on the line.
fn further(command: &Command, given: &ArgMatches, variable: impl Fn(&str) -> Option<String>) -> Result<Vec<String>, clap::Error> {
    let mistake = |why: String| command.clone().error(ErrorKind::ValueValidation, why);
    let named = |name: &str| variable(&format!("{PREFIX}{}", name.replace('-', "_").to_uppercase()));
    let file = match given
        .try_get_one::<std::path::PathBuf>(CONFIG)
        .ok()
        .flatten()
        .map(|file| file.display().to_string())
        .or(named(CONFIG))
    {
        Some(file) => {
            let text = std::fs::read_to_string(&file).map_err(|error| mistake(format!("{file} cannot be read: {error}")))?;
            text.parse::<toml::Table>().map_err(|error| mistake(format!("{file}: {error}")))?
        }
        None => toml::Table::new(),
    };
    let serve = command.find_subcommand("serve").into_iter().flat_map(Command::get_arguments);
    let flags: Vec<&Arg> = serve.filter(|arg| arg.get_long().is_some_and(|name| name != CONFIG)).collect();
    if let Some(unknown) = file.keys().find(|key| !flags.iter().any(|flag| flag.get_long() == Some(key))) {
        return Err(mistake(format!("the file sets `{unknown}`, and serve has no flag of that name")));
    }
    let mut extra = Vec::new();
    for flag in flags {
        let Some(name) = flag.get_long() else { continue };
        let on_line = given.ids().any(|id| id == flag.get_id())
            && given.value_source(flag.get_id().as_str()) == Some(ValueSource::CommandLine);
        if on_line {
            continue;
        }
        let many = matches!(flag.get_action(), ArgAction::Append);
        let values = match (named(name), file.get(name)) {
            (Some(text), _) if many => text.split(',').map(str::to_owned).collect(),
            (Some(text), _) => vec![text],
            (None, Some(value)) => {
                words(value).ok_or_else(|| mistake(format!("the file sets `{name}` to what is no text, number, yes or no")))?
            }
            (None, None) => continue,
        };
        for value in values {
            match (flag.get_action(), value.as_str()) {
                (ArgAction::SetTrue, "true") => extra.push(format!("--{name}")),
                (ArgAction::SetTrue, "false") => {}
                (ArgAction::SetTrue, _) => return Err(mistake(format!("`{name}` is true or false"))),
                _ => extra.push(format!("--{name}={value}")),
            }
        }
    }
    Ok(extra)
}

/// A value of the file as it would stand on the line.
fn words(value: &toml::Value) -> Option<Vec<String>> {
    match value {
        toml::Value::String(text) => Some(vec![text.clone()]),
        toml::Value::Integer(number) => Some(vec![number.to_string()]),
        toml::Value::Boolean(yes) => Some(vec![yes.to_string()]),
        toml::Value::Array(all) => all.iter().map(words).collect::<Option<Vec<_>>>().map(|all| all.concat()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Command as Given, LogFormat, Serve};

    fn serve(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Serve, String> {
        let all = ["proxyprobe", "serve"].iter().chain(arguments).map(OsString::from).collect();
        let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        match parse_with(all, variable).map_err(|error| error.to_string())?.command {
            Given::Serve(serve) => Ok(*serve),
            _ => Err("another command".to_owned()),
        }
    }

    #[test]
    fn flags_outrank_variables_and_those_the_file() {
        let file = std::env::temp_dir().join(format!("proxyprobe-settings-{}.toml", std::process::id()));
        let text = "http = \"127.0.0.1:1\"\nmax-runs = 10\nmax-streams = 20\nself-signed = true\nproxy-protocol = false\n\
                    name = [\"a\", \"b\"]\nlog-format = \"json\"\n";
        std::fs::write(&file, text).unwrap();
        let config = file.display().to_string();
        let variables = [
            ("PROXYPROBE_SERVE_MAX_RUNS", "11"),
            ("PROXYPROBE_SERVE_MAX_STREAMS", "21"),
            ("PROXYPROBE_SERVE_FRONT_HEADER", "x,y"),
        ];
        let set = serve(&["--config", &config, "--max-runs", "12"], &variables).unwrap();
        assert_eq!((set.limits.max_runs, set.limits.max_streams), (12, 21));
        assert_eq!((set.http.port(), set.self_signed, set.proxy_protocol), (1, true, false));
        assert_eq!((set.name, set.front_header), (vec!["a".to_owned(), "b".to_owned()], vec!["x".to_owned(), "y".to_owned()]));
        assert_eq!(set.log_format, LogFormat::Json);
        let by_variable = serve(&[], &[("PROXYPROBE_SERVE_CONFIG", &config)]).unwrap();
        assert_eq!(by_variable.limits.max_runs, 10);
        for (text, why) in [
            ("no-such-flag = 1", "no-such-flag"),
            ("max-runs = \"many\"", "--max-runs"),
            ("self-signed = 7", "true or false"),
            ("http = { a = 1 }", "`http`"),
            ("max-runs = ", "TOML"),
        ] {
            std::fs::write(&file, text).unwrap();
            let said = serve(&["--config", &config], &[]).err().unwrap();
            assert!(said.contains(why), "{text}: {said}");
        }
        std::fs::remove_file(&file).unwrap();
        assert!(serve(&["--config", &config], &[]).is_err());
        assert!(serve(&["--max-runs", "x"], &[]).is_err());
    }
}
