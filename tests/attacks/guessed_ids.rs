//! Names of runs that somebody makes up, and a run's name without its key.

use crate::arena::{Arena, HOSTILE_KIB, beside};

#[test]
fn guessed_ids() {
    beside(&[], HOSTILE_KIB, &[&attack]);
}

pub(crate) fn attack(arena: &Arena) {
    let (run, key) = arena.begin();
    let status = |path: String| arena.get(&path).split(' ').nth(1).unwrap_or_default().to_owned();
    for number in 0u32.. {
        if !arena.goes_on() {
            return;
        }
        // One digit beside a run that there is.
        let at = number as usize % run.len();
        let other = if &run[at..=at] == "0" { "1" } else { "0" };
        let beside = format!("{}{other}{}", &run[..at], &run[at + 1..]);
        for name in [beside, format!("{number:032x}"), key.clone()] {
            assert_eq!(status(format!("/v1/{name}/ab/witness?page=0")), "404");
        }
        // The name alone does not open the record, nor does a proof that is nearly right.
        assert_eq!(status(format!("/v1/{run}/ab/witness?page=0&proof=pp1.ab.{number:032x}")), "403");
        arena.blow();
    }
}
