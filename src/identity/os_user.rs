//! Users of this machine, by number: their names and groups as `/etc/passwd` and `/etc/group` have them. Users that
//! only a directory service knows have none, and are not identified.

use std::fs;

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OsUser {
    /// Login name.
    pub name: String,
    /// Number.
    pub uid: u32,
    /// Names of the groups it is in, its own first.
    pub groups: Vec<String>,
}

impl OsUser {
    /// The user of a number; none if the files do not have it, or cannot be read.
    #[must_use]
    pub fn look_up(uid: u32) -> Option<Self> {
        let users = fs::read_to_string("/etc/passwd").ok()?;
        let groups = fs::read_to_string("/etc/group").unwrap_or_default();
        Self::find(uid, &users, &groups)
    }

    fn find(uid: u32, users: &str, groups: &str) -> Option<Self> {
        let mut found = users.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next().filter(|n| !n.is_empty())?;
            let (number, group) = (fields.nth(1)?, fields.next()?);
            (number.parse() == Ok(uid)).then_some((name, group))
        });
        let (name, own) = found.next()?;
        // Two names of one number: nobody knows which it is.
        if found.next().is_some() {
            return None;
        }
        let mut mine = Vec::new();
        for line in groups.lines() {
            let fields: Vec<&str> = line.split(':').collect();
            let [group, _, number, members] = fields.as_slice() else { continue };
            if number == &own {
                mine.insert(0, (*group).to_owned());
            } else if members.split(',').any(|m| m == name) {
                mine.push((*group).to_owned());
            }
        }
        Some(Self { name: name.to_owned(), uid, groups: mine })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_number() {
        let users = "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/sh\ntoor:x:0:0::/:/bin/sh\n\
                     bob:x:1001:100::/home/bob:/bin/sh\nbroken\n";
        let groups = "root:x:0:\ndev:x:50:alice,bob\nusers:x:100:\nalice:x:1000:\nops:x:51:bob2,bo\n";
        let alice = OsUser::find(1000, users, groups).unwrap();
        assert_eq!((alice.name.as_str(), alice.groups), ("alice", vec!["alice".to_owned(), "dev".to_owned()]));
        let bob = OsUser::find(1001, users, groups).unwrap();
        assert_eq!(bob.groups, ["users", "dev"]);
        assert_eq!(OsUser::find(0, users, groups), None);
        assert_eq!(OsUser::find(7, users, groups), None);
    }
}
