//! A PAC script in a real JavaScript engine (QuickJS), with nothing in reach but names and this machine's own addresses.

use rquickjs::prelude::{Opt, Rest};
use rquickjs::{CatchResultExt, CaughtError, Coerced, Context, Ctx, Function, Runtime, Value};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// What a script may ask of its surroundings.
pub(in crate::net) trait Surroundings {
    /// The addresses of a name; none when it has none, or no time is left.
    fn resolve(&self, host: &str) -> Vec<IpAddr>;
    /// This machine's address on its way out.
    fn own_address(&self) -> IpAddr;
}

/// The most memory of a script, in bytes. Lists of some ten thousand hosts are known; they need a quarter of it.
const MEMORY: usize = 24 * 1024 * 1024;
/// The most native stack, in bytes: the engine runs on a thread with 2 MiB.
const STACK: usize = 512 * 1024;
/// Gives the beginning of an answer: its first 16 KiB name more proxies than are ever tried.
const BEGINNING: &str = "((slice) => (answer) => typeof answer === 'string' ? slice(answer, 0, 16384) : answer)\
    (Function.prototype.call.bind(String.prototype.slice))";
/// The standard functions.
const FUNCTIONS: &str = include_str!("functions.js");

/// Evaluates `FindProxyForURL(url, host)`.
///
/// # Errors
/// Why there is no answer: a mistake in the script with its line, or a limit that it ran into.
pub(in crate::net) fn evaluate<S: Surroundings + Clone + 'static>(
    script: &str,
    url: &str,
    host: &str,
    within: Duration,
    surroundings: S,
) -> Result<String, String> {
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    runtime.set_memory_limit(MEMORY);
    runtime.set_max_stack_size(STACK);
    let deadline = Instant::now() + within;
    runtime.set_interrupt_handler(Some(Box::new(move || Instant::now() >= deadline)));
    let context = Context::full(&runtime).map_err(|error| error.to_string())?;
    context.with(|ctx| {
        let explain = |error| {
            let late = Instant::now() >= deadline;
            if late { format!("it did not come to an end within {} s", within.as_secs_f32()) } else { words(error) }
        };
        provide(&ctx, &surroundings).catch(&ctx).map_err(explain)?;
        ctx.eval::<(), _>(FUNCTIONS).catch(&ctx).map_err(explain)?;
        // Made before the script is read, so that it is out of its reach.
        let beginning: Function<'_> = ctx.eval(BEGINNING).catch(&ctx).map_err(explain)?;
        let mut options = rquickjs::context::EvalOptions::default();
        // Scripts of the last century assign to names that they never declared.
        options.strict = false;
        options.filename = Some(NAME.to_owned());
        ctx.eval_with_options::<Value<'_>, _>(script, options).catch(&ctx).map_err(explain)?;
        let Ok(find) = ctx.globals().get::<_, Function<'_>>("FindProxyForURL") else {
            return Err("it defines no function FindProxyForURL".to_owned());
        };
        let answer: Value<'_> = find.call((url, host)).catch(&ctx).map_err(explain)?;
        let answer: Value<'_> = beginning.call((answer,)).catch(&ctx).map_err(explain)?;
        match answer.as_string().map(rquickjs::String::to_string) {
            Some(Ok(answer)) => Ok(answer),
            _ => Err(format!("FindProxyForURL gave {} instead of a text", answer.type_name())),
        }
    })
}

/// The script's name in the engine's own words.
const NAME: &str = "pac";

/// The line in the first place of a stack that is in the script.
fn line_in(stack: &str) -> Option<u32> {
    let (_, rest) = stack.split_once(&format!("{NAME}:"))?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// What went wrong, in the engine's words.
fn words(error: CaughtError<'_>) -> String {
    match error {
        CaughtError::Exception(exception) => {
            let line = exception.stack().and_then(|stack| line_in(&stack)).map(|line| format!(", line {line}"));
            format!("{}{}", exception.message().unwrap_or_default(), line.unwrap_or_default())
        }
        // The engine throws it when there is not even room for an error.
        CaughtError::Value(value) if value.is_null() => "it threw null, or ran out of memory".to_owned(),
        CaughtError::Value(value) => {
            value.get::<Coerced<String>>().map_or_else(|_| "it threw something".to_owned(), |text| text.0)
        }
        CaughtError::Error(error) => error.to_string(),
    }
}

/// Gives the script the functions that are not written in JavaScript.
fn provide<'js, S: Surroundings + Clone + 'static>(ctx: &Ctx<'js>, surroundings: &S) -> rquickjs::Result<()> {
    let globals = ctx.globals();
    let world = surroundings.clone();
    let first_v4 = move |ctx: Ctx<'js>, host: Opt<Coerced<String>>| -> rquickjs::Result<Value<'js>> {
        let host = host.0.map(|host| host.0).unwrap_or_default();
        match world.resolve(&host).into_iter().find(IpAddr::is_ipv4) {
            Some(address) => rquickjs::String::from_str(ctx, &address.to_string()).map(rquickjs::String::into_value),
            None => Ok(Value::new_null(ctx)),
        }
    };
    globals.set("dnsResolve", Function::new(ctx.clone(), first_v4)?)?;
    let world = surroundings.clone();
    let all = move |host: Opt<Coerced<String>>| {
        let host = host.0.map(|host| host.0).unwrap_or_default();
        world.resolve(&host).iter().map(IpAddr::to_string).collect::<Vec<_>>().join(";")
    };
    globals.set("dnsResolveEx", Function::new(ctx.clone(), all)?)?;
    let own = surroundings.own_address();
    globals.set("myIpAddress", Function::new(ctx.clone(), move || own.to_string())?)?;
    globals.set("myIpAddressEx", Function::new(ctx.clone(), move || own.to_string())?)?;
    globals.set(
        "isInNetEx",
        Function::new(ctx.clone(), |host: Coerced<String>, network: Coerced<String>| in_network(&host.0, &network.0))?,
    )?;
    let list = |ctx: Ctx<'js>, list: Coerced<String>| match sorted(&list.0) {
        Some(sorted) => rquickjs::String::from_str(ctx, &sorted).map(rquickjs::String::into_value),
        None => Ok(Value::new_bool(ctx, false)),
    };
    globals.set("sortIpAddressList", Function::new(ctx.clone(), list)?)?;
    // What it says is for its author, and not for whoever reads a report.
    globals.set("alert", Function::new(ctx.clone(), |_: Rest<Value<'_>>| {})?)?;
    Ok(())
}

/// `isInNetEx`: an address in a network in CIDR form, both of one family.
fn in_network(address: &str, network: &str) -> bool {
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    network.contains('/') && super::super::settings::in_network(network, address)
}

/// `sortIpAddressList`: IPv6 before IPv4, each in order; `None` when something in it is no address.
fn sorted(list: &str) -> Option<String> {
    let all: Result<Vec<IpAddr>, _> = list.split(';').map(|part| part.trim().parse::<IpAddr>()).collect();
    let mut all = all.ok()?;
    all.sort_by_key(|address| (address.is_ipv4(), *address));
    Some(all.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(";"))
}
