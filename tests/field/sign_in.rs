//! Squid that wants more than Basic: Digest by its own file, NTLM and Negotiate by Samba's winbind, Kerberos by a key distribution
//! centre of the test's own.

use crate::harness::{Dir, Process, Serve, check_with, installed, skipped};
use crate::ports::free_port;
use crate::squid::Squid;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Everything that a URL gives a meaning to, and a character that is not ASCII.
const PASSWORD: &str = "P@s:s/ %é";
/// Only who signed in may pass.
const KNOWN: &str = "acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\n";
/// No tickets of whoever runs the tests.
const NO_TICKETS: (&str, &str) = ("KRB5CCNAME", "FILE:/nonexistent");

/// A helper of Squid's, or another program at a place that is in no PATH.
fn helper(path: &'static str) -> Option<&'static str> {
    if Path::new(path).is_file() {
        return Some(path);
    }
    skipped(&format!("{path} is not installed"));
    None
}

/// Runs a command to its end with these words on its standard input.
fn run(mut command: Command, input: &str) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// With the right password everything works on both legs, and with a wrong one the report says what was tried.
fn signs_in(squid: &Squid, user: &str, means: &str, offer: &str) {
    let server = Serve::start(&[]);
    let proxy = format!("http://localhost:{}", squid.port);
    for (leg, url) in [("https", server.https_url()), ("http", server.http_url())] {
        let flags = [&url, "--pin", &server.pin, "--proxy", &proxy, "--proxy-user", user, "--idle", "2"];
        let checked = check_with(&format!("{means} {leg}"), &flags, &[NO_TICKETS, ("PROXYPROBE_PROXY_PASSWORD", PASSWORD)]);
        checked.expect_works();
        assert_eq!(checked.report["route"]["signed_in"], means);
        assert!(!checked.output.contains(PASSWORD), "{}", checked.output);
        let checked = check_with(&format!("{means} wrong {leg}"), &flags, &[NO_TICKETS, ("PROXYPROBE_PROXY_PASSWORD", "wr0ng")]);
        checked.expect(3, "inconclusive");
        let finding = checked.finding(leg, "reach.proxy-auth-required");
        assert_eq!(finding["measured"]["tried"], means, "{finding}");
        assert_eq!(finding["measured"]["schemes"][0], offer, "{finding}");
        assert!(finding["summary"].as_str().unwrap().contains("it says: "), "{finding}");
        assert!(!checked.output.contains("wr0ng"), "{}", checked.output);
    }
}

#[test]
fn digest_by_squids_own_helper() {
    let Some(helper) = helper("/usr/lib/squid/digest_file_auth") else { return };
    let dir = Dir::new();
    // The hash and not the password: a colon would end it in that file.
    let users = hashed(&dir);
    let rules = format!(
        "auth_param digest program {helper} -c {}\nauth_param digest children 1\nauth_param digest realm field\n{KNOWN}",
        users.display()
    );
    let Some(squid) = Squid::start(&rules) else { return };
    signs_in(&squid, "ada", "Digest", "Digest realm=\"field\"");
}

/// A file of hashes, as `htdigest` writes it.
fn hashed(dir: &Dir) -> std::path::PathBuf {
    let mut command = Command::new("md5sum");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("ada:field:{PASSWORD}").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let hash = String::from_utf8(output.stdout).unwrap();
    dir.write("users", &format!("ada:field:{}\n", hash.split(' ').next().unwrap()))
}

/// A shell's words that give a process a `/run/samba` of its own, where winbind is found, and then run the rest.
fn own_samba(dir: &Path) -> String {
    format!("mount --make-rprivate / && mkdir -p /run/samba && mount --bind {}/run /run/samba && exec \"$@\"", dir.display())
}

/// The command in a mount namespace of its own.
fn within(dir: &Path, program: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &own_samba(dir), "sh"]).arg(program);
    command
}

/// Samba's winbind with one user, and Squid that asks it by this helper's protocol.
fn samba(scheme: &str, protocol: &str) -> Option<(Process, Squid)> {
    let (winbind, smbpasswd) = (installed("winbindd")?, installed("smbpasswd")?);
    let (ntlm_auth, _) = (installed("ntlm_auth")?, installed("unshare")?);
    if !Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success()) {
        skipped("this user may not make mount namespaces");
        return None;
    }
    let dir = Dir::new();
    let at = dir.path().to_owned();
    for name in ["private", "lock", "state", "cache", "pid", "ncalrpc", "run"] {
        std::fs::create_dir(at.join(name)).unwrap();
    }
    let folder = at.display();
    let config = dir.write(
        "smb.conf",
        &format!(
            "[global]\nworkgroup = FIELD\nnetbios name = FIELD\nserver role = standalone server\nntlm auth = ntlmv2-only\n\
             passdb backend = tdbsam:{folder}/private/passdb.tdb\nprivate dir = {folder}/private\nlock directory = {folder}/lock\n\
             state directory = {folder}/state\ncache directory = {folder}/cache\npid directory = {folder}/pid\n\
             ncalrpc dir = {folder}/ncalrpc\nlog file = {folder}/log\n"
        ),
    );
    let mut add = Command::new(smbpasswd);
    // A user must be one of the system's: this one is Squid's own, too.
    add.env("LC_ALL", "C.UTF-8").arg("-c").arg(&config).args(["-s", "-a", "proxy"]);
    run(add, &format!("{PASSWORD}\n{PASSWORD}\n"));
    // Squid's helpers are no root, and need winbind's privileged pipe: its folder must be theirs before winbind makes it.
    let pipe = at.join("state/winbindd_privileged");
    std::fs::create_dir(&pipe).unwrap();
    let mut give = Command::new("sh");
    give.args(["-c", "chgrp proxy \"$1\" && chmod 750 \"$1\"", "sh"]).arg(&pipe);
    run(give, "");
    let mut command = within(&at, &winbind);
    command.args(["-F", "--no-process-group", "--configfile"]).arg(&config);
    let winbind = Process::start("winbindd", command, dir).stop_gently().made(&at.join("run/winbindd/pipe"));
    let rules = format!(
        "auth_param {scheme} program {} --configfile={} --helper-protocol={protocol}\nauth_param {scheme} children 20\n\
         auth_param {scheme} keep_alive on\n{KNOWN}",
        ntlm_auth.display(),
        config.display()
    );
    let squid = Squid::start_by(&rules, |program| within(&at, &program))?;
    Some((winbind, squid))
}

#[test]
fn ntlm_by_winbind() {
    let Some((_winbind, squid)) = samba("ntlm", "squid-2.5-ntlmssp") else { return };
    signs_in(&squid, "FIELD\\proxy", "NTLM", "NTLM");
}

#[test]
fn negotiate_with_a_password_by_winbind() {
    let Some((_winbind, squid)) = samba("negotiate", "gss-spnego") else { return };
    signs_in(&squid, "proxy", "Negotiate with NTLM", "Negotiate");
}

#[test]
fn negotiate_with_a_ticket() {
    let Some(helper) = helper("/usr/lib/squid/negotiate_kerberos_auth") else { return };
    let programs = ["krb5kdc", "kdb5_util", "kadmin.local", "kinit"].map(installed);
    let [Some(kdc), Some(make), Some(admin), Some(kinit)] = programs else { return };
    let (dir, port) = (Dir::new(), free_port());
    let at = dir.path().to_owned();
    let file = |name: &str| at.join(name).display().to_string();
    dir.write(
        "krb5.conf",
        &format!(
            "[libdefaults]\ndefault_realm = FIELD.TEST\ndns_lookup_kdc = false\ndns_lookup_realm = false\n\
             dns_canonicalize_hostname = false\nrdns = false\nudp_preference_limit = 1\n\
             [realms]\nFIELD.TEST = {{\nkdc = 127.0.0.1:{port}\n}}\n[domain_realm]\nlocalhost = FIELD.TEST\n"
        ),
    );
    dir.write(
        "kdc.conf",
        &format!(
            "[kdcdefaults]\nkdc_listen = 127.0.0.1:{port}\nkdc_tcp_listen = 127.0.0.1:{port}\n[realms]\nFIELD.TEST = {{\n\
             database_name = {}\nkey_stash_file = {}\nacl_file = {}\n}}\n",
            file("principal"),
            file("stash"),
            file("acl")
        ),
    );
    let settings = [
        ("KRB5_CONFIG", file("krb5.conf")),
        ("KRB5_KDC_PROFILE", file("kdc.conf")),
        ("KRB5CCNAME", format!("FILE:{}", file("tickets"))),
    ];
    let kerberos = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.envs(settings.iter().map(|(name, value)| (name, value))).args(arguments);
        command
    };
    run(kerberos(&make, &["-P", "master", "-r", "FIELD.TEST", "create", "-s"]), "");
    run(kerberos(&admin, &["-r", "FIELD.TEST", "addprinc", "-pw", "open-sesame", "ada"]), "");
    run(kerberos(&admin, &["-r", "FIELD.TEST", "addprinc", "-randkey", "HTTP/localhost"]), "");
    run(kerberos(&admin, &["-r", "FIELD.TEST", "ktadd", "-k", &file("keytab"), "HTTP/localhost"]), "");
    std::fs::set_permissions(at.join("keytab"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let centre = Process::start("krb5kdc", kerberos(&kdc, &["-n", "-r", "FIELD.TEST"]), dir).listening(port);
    run(kerberos(&kinit, &["ada"]), "open-sesame\n");
    let rules = format!(
        "auth_param negotiate program {helper} -s HTTP/localhost@FIELD.TEST -k {}\nauth_param negotiate children 5\n\
         auth_param negotiate keep_alive on\n{KNOWN}",
        file("keytab")
    );
    let with_settings = |program| kerberos(Path::new(&program), &[]);
    let Some(squid) = Squid::start_by(&rules, with_settings) else { return };
    let server = Serve::start(&[]);
    let proxy = format!("http://localhost:{}", squid.port);
    let variables: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for (leg, url) in [("https", server.https_url()), ("http", server.http_url())] {
        let flags = [&url, "--pin", &server.pin, "--proxy", &proxy, "--idle", "2"];
        let checked = check_with(&format!("ticket {leg}"), &flags, &variables);
        checked.expect_works();
        assert_eq!(checked.report["route"]["signed_in"], "Negotiate with a Kerberos ticket");
        let checked = check_with(&format!("no ticket {leg}"), &flags, &[variables[0], NO_TICKETS]);
        checked.expect(3, "inconclusive");
        let finding = checked.finding(leg, "reach.proxy-auth-required");
        assert!(finding["summary"].as_str().unwrap().contains("no Kerberos ticket: "), "{finding}");
        assert!(finding["measured"]["tried"].is_null(), "{finding}");
    }
    drop(centre);
}
