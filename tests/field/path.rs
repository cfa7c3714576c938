//! Devices on the path, between network namespaces: the kernel's firewall, and Squid that nobody is told of.

use crate::harness::{Checked, Process, Serve, installed, say};
use crate::namespaces::{Namespaces, SERVER};
use crate::page;
use crate::rows::{Stage, certificates_of_squid, each, measure};
use crate::tables::{Row, Table, Trust, Way};

/// A row whose device is the kernel, by these rules, or a product to which the kernel hands what comes.
fn on_the_path(table: &Table, row: &Row) -> Checked {
    let Way::Path(proxy) = row.way else { panic!("{} is not met on the path", row.name) };
    let net = Namespaces::new().unwrap();
    let server = Serve::at(SERVER, (80, 443), net.binary("s"), &[]);
    let stage = Stage::set(table, row.config, 0, server.http, server.https);
    let mut flags = vec![format!("{}://{SERVER}", row.leg), "--idle".to_owned(), row.idle_s.to_string()];
    flags.extend(row.deep.then(|| "--deep".to_owned()));
    flags.extend(stage.trust(row, &server));
    if !proxy.is_empty() {
        flags.extend(["--proxy".to_owned(), proxy.to_owned()]);
    }
    let _product = if table.arguments.is_empty() {
        net.rule(stage.dir.path().join(row.config).as_path());
        None
    } else {
        certificates_of_squid(&stage);
        if proxy.is_empty() {
            net.rule(&stage.dir.path().join("path.nft"));
        }
        let command = stage.command(net.command("f", installed(table.program).unwrap()), table);
        Some(Process::start(table.program, command, stage.dir).stop_gently().says("Accepting"))
    };
    let checked = measure(table, row, net.binary("c"), &flags);
    let kind = if proxy.is_empty() { "direct" } else { "http-proxy" };
    assert_eq!(checked.report["route"]["kind"], kind, "{}", checked.summary());
    checked
}

fn all(folder: &str) {
    let table = page::table(folder);
    if installed(table.program).is_none() || Namespaces::new().is_none() {
        return;
    }
    each(table, |row| matches!(row.way, Way::Path(_)), |row| on_the_path(table, row));
}

#[test]
fn the_kernels_firewall() {
    all("kernel");
}

#[test]
fn squid_on_the_path() {
    all("squid");
}

#[test]
#[ignore = "five minutes: the same ten times, and ten times with twice the loss"]
fn however_packets_are_lost_the_path_is_not_blamed() {
    let table = page::table("kernel");
    let row = table.rows.iter().find(|row| row.config == "loss.nft").unwrap();
    for percent in [5, 10] {
        if Namespaces::new().is_none() {
            return;
        }
        for run in 1..=10 {
            let net = Namespaces::new().unwrap();
            let server = Serve::at(SERVER, (80, 443), net.binary("s"), &[]);
            let stage = Stage::set(table, row.config, 0, server.http, server.https);
            let rules = std::fs::read_to_string(stage.dir.path().join(row.config)).unwrap();
            net.rule(&stage.dir.write(row.config, &rules.replace("< 5", &format!("< {percent}"))));
            let [trust, whom] = stage.trust(&Row { trust: Trust::Server, ..*row }, &server);
            let flags = [format!("http://{SERVER}"), "--idle".to_owned(), "12".to_owned(), trust, whom];
            let checked = measure(table, row, net.binary("c"), &flags);
            say(&format!("{percent} % lost, run {run}: {}", checked.summary()));
            for leg in ["http", "https"] {
                assert_eq!(checked.blamed(leg), [""; 0], "{}", checked.summary());
            }
            // Where nothing was proven to be wrong, all works, or not all of it could be judged.
            assert!([0, 3].contains(&checked.code), "{}", checked.summary());
        }
    }
}
