//! Runs the tables: each row with a server, a product and a client of its own, some side by side.

use crate::harness::{Checked, Dir, Process, Serve, binary, installed, say, start_check};
use crate::page;
use crate::ports::free_port;
use crate::tables::{Row, Table, Trust, Way};
use rcgen::{CertificateParams, KeyPair};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Condvar, Mutex};
use std::{fs, thread};

/// How many clients may measure at a time, in all tests together: more would disturb each other's timers.
const AT_ONCE: u32 = 4;

static FREE: (Mutex<u32>, Condvar) = (Mutex::new(AT_ONCE), Condvar::new());

/// The right to measure, given back when it is dropped.
struct Turn;

impl Turn {
    fn take() -> Self {
        let mut free = FREE.1.wait_while(FREE.0.lock().unwrap(), |free| *free == 0).unwrap();
        *free -= 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *FREE.0.lock().unwrap() += 1;
        FREE.1.notify_one();
    }
}

/// A directory with all that a product needs, and the ports.
pub(crate) struct Stage {
    pub(crate) dir: Dir,
    values: Vec<(&'static str, String)>,
}

impl Stage {
    /// With the files of this folder, filled in.
    pub(crate) fn set(table: &Table, config: &str, port: u16, http: u16, https: u16) -> Self {
        let dir = Dir::new();
        let at = dir.path().display().to_string();
        let values = vec![
            ("@config@", format!("{at}/{config}")),
            ("@dir@", at),
            ("@port@", port.to_string()),
            ("@https@", https.to_string()),
            ("@http@", http.to_string()),
        ];
        let stage = Self { dir, values };
        stage.certificates();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/field").join(table.folder);
        for entry in fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            if file.extension().is_none_or(|end| end != "rs") {
                let text = fs::read_to_string(&file).unwrap();
                stage.dir.write(file.file_name().unwrap().to_str().unwrap(), &stage.fill(&text));
            }
        }
        if !table.config_as.is_empty() {
            fs::rename(stage.dir.path().join(config), stage.dir.path().join(table.config_as)).unwrap();
        }
        stage
    }

    /// The text with its values.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// A root of the product's own, and a front's certificate.
    fn certificates(&self) {
        // RSA, which every product can sign with.
        let arguments = "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.pem -subj";
        let mut openssl = Command::new("openssl");
        openssl.current_dir(self.dir.path()).args(arguments.split(' ')).arg("/O=Field/CN=field inspection");
        let output = openssl.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        // Products that give up root still have to read it.
        fs::set_permissions(self.dir.path().join("ca.key"), PermissionsExt::from_mode(0o644)).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let front = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        self.dir.write("front.pem", &format!("{}{}", front.pem(), key.serialize_pem()));
        fs::write(self.dir.path().join("front.der"), front.der()).unwrap();
    }

    /// The product's command line.
    pub(crate) fn command(&self, mut command: Command, table: &Table) -> Command {
        command.args(table.arguments.iter().map(|argument| self.fill(argument)));
        command
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// The flags that make the client trust whom the row says.
    pub(crate) fn trust(&self, row: &Row, server: &Serve) -> [String; 2] {
        match row.trust {
            Trust::Server => ["--pin".to_owned(), server.pin.clone()],
            Trust::Root(file) => ["--ca-file".to_owned(), self.file(file)],
            Trust::Front => {
                let mut hash = Command::new("sha256sum");
                let output = hash.arg(self.dir.path().join("front.der")).output().unwrap();
                let hex: String = String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned();
                ["--pin".to_owned(), format!("sha256:{hex}")]
            }
        }
    }
}

/// Runs the table that stands in this folder.
pub(crate) fn run(folder: &str) {
    run_prepared(folder, |_| {});
}

/// Runs it, with something to be made before a product starts.
pub(crate) fn run_prepared(folder: &str, prepare: impl Fn(&Stage) + Sync) {
    let table = page::table(folder);
    let Some(program) = installed(table.program) else { return };
    each(table, |row| !matches!(row.way, Way::Path(_)), |row| on_loopback(table, row, &program, &prepare));
}

/// Runs those rows of a table side by side, and shows them on the page.
pub(crate) fn each(table: &'static Table, wanted: impl Fn(&Row) -> bool, one: impl Fn(&'static Row) -> Checked + Sync) {
    let one = &one;
    let rows: Vec<&'static Row> = table.rows.iter().filter(|row| wanted(row)).collect();
    thread::scope(|scope| {
        let runs: Vec<_> = rows
            .iter()
            .map(|row| {
                scope.spawn(move || {
                    let _turn = Turn::take();
                    let checked = one(row);
                    let wrong = row.wrong(&checked.report);
                    if page::wanted() || !wrong.is_empty() {
                        say(&format!("{}, {}, {}: {}", table.product, row.name, row.leg, row.found(&checked.report)));
                    }
                    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), checked.summary());
                    checked
                })
            })
            .collect();
        let done: Vec<_> = runs.into_iter().zip(&rows).map(|(run, row)| (*row, run.join())).collect();
        let failed: Vec<&str> = done.iter().filter(|(_, result)| result.is_err()).map(|(row, _)| row.name).collect();
        assert!(failed.is_empty(), "{}: {}", table.product, failed.join(", "));
        if page::wanted() {
            let version = version(table);
            let done: Vec<_> = done.into_iter().map(|(row, result)| (row, result.unwrap())).collect();
            page::write(table, &version, &done);
        }
    });
}

/// The store of Squid's helper that makes certificates; Squid gives up root before it uses it.
pub(crate) fn certificates_of_squid(stage: &Stage) {
    let quietly = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    };
    quietly("/usr/lib/squid/security_file_certgen", &["-c", "-s", &stage.file("certificates"), "-M", "4MB"]);
    quietly("chmod", &["-R", "a+rwX", &stage.file("certificates")]);
}

/// The product on loopback, as a front or as a proxy.
fn on_loopback(table: &Table, row: &Row, program: &Path, prepare: &impl Fn(&Stage)) -> Checked {
    let port = free_port();
    let public = format!("--public-{}", row.leg);
    let server = if row.way == Way::Front { Serve::start(&[&public, &port.to_string()]) } else { Serve::start(&[]) };
    let stage = Stage::set(table, row.config, port, server.http, server.https);
    prepare(&stage);
    let command = stage.command(Command::new(program), table);
    let [trust, whom] = stage.trust(row, &server);
    let mut flags = vec![trust, whom, "--idle".to_owned(), row.idle_s.to_string()];
    flags.extend(row.deep.then(|| "--deep".to_owned()));
    match row.way {
        Way::Front => {
            let url = format!("{}://127.0.0.1:{port}", row.leg);
            flags.extend([url, "--leg".to_owned(), row.leg.to_owned()]);
        }
        Way::Proxy(scheme) => {
            let port_of_leg = if row.leg == "http" { server.http } else { server.https };
            flags.extend([
                format!("{}://{}:{port_of_leg}", row.leg, row.host),
                "--proxy".to_owned(),
                format!("{scheme}127.0.0.1:{port}"),
            ]);
        }
        Way::Path(_) => panic!("{} is met on the path", row.name),
    }
    let mut process = Process::start(table.program, command, stage.dir);
    if table.stops_gently {
        process = process.stop_gently();
    }
    let _process = process.listening(port);
    measure(table, row, binary(), &flags)
}

/// Runs the client with these flags.
pub(crate) fn measure(table: &Table, row: &Row, client: Command, flags: &[String]) -> Checked {
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    start_check(&row.slug(table), client, &flags).finish()
}

/// What the product says of its version, or its package where it says nothing.
fn version(table: &Table) -> String {
    let mut command = match table.version {
        [] => Command::new("dpkg-query"),
        _ => Command::new(installed(table.program).unwrap_or_else(|| PathBuf::from(table.program))),
    };
    match table.version {
        [] => command.args(["-W", "-f", "${Version}", table.program]),
        arguments => command.args(arguments),
    };
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let number = |word: &&str| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit());
    let mut words = text.split(|c: char| !c.is_ascii_digit() && c != '.').filter(number);
    words
        .next()
        .map(|word| word.trim_end_matches('.').to_owned())
        .unwrap_or_else(|| panic!("{}: no version in {text}", table.product))
}
