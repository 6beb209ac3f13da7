//! Whom the servers run as.
//!
//! Postgres refuses to run as root. So when we are root, each server runs as the user that its
//! Debian package made; otherwise both run as we do.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A user to run a server as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Account {
    /// Whoever we are.
    Own,
    /// A package's user, taken on by `setpriv` (only root can).
    Package { name: String, user: u32, group: u32 },
}

impl Account {
    /// The account to run a server as whose package made the user `name`: `None` when we are root
    /// and there is no such user.
    pub(crate) fn for_server(name: &str) -> io::Result<Option<Self>> {
        if !is_root()? {
            return Ok(Some(Self::Own));
        }
        Ok(find(&fs::read_to_string("/etc/passwd")?, name))
    }

    /// The words to put before a command so that it runs as this user.
    pub(crate) fn prefix(&self) -> Vec<String> {
        match self {
            Self::Own => Vec::new(),
            Self::Package { user, group, .. } => vec![
                "setpriv".to_owned(),
                format!("--reuid={user}"),
                format!("--regid={group}"),
                "--clear-groups".to_owned(),
                "--no-new-privs".to_owned(),
            ],
        }
    }

    /// Makes a file or directory this user's.
    pub(crate) fn own(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Package { user, group, .. } => {
                std::os::unix::fs::chown(path, Some(*user), Some(*group))
            }
        }
    }
}

/// Whether we run as root: the owner of `/proc/self` is the effective user.
pub(crate) fn is_root() -> io::Result<bool> {
    Ok(fs::metadata("/proc/self")?.uid() == 0)
}

fn find(passwd: &str, wanted: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, user, group, ..] = fields.as_slice() else {
            return None;
        };
        (*name == wanted).then_some(Account::Package {
            name: wanted.to_owned(),
            user: user.parse().ok()?,
            group: group.parse().ok()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_user_is_found_and_no_other() {
        let passwd =
            "root:x:0:0:root:/root:/bin/bash\npostgres:x:104:110:,,,:/var/lib/p:/bin/bash\n";
        assert_eq!(
            find(passwd, "postgres"),
            Some(Account::Package {
                name: "postgres".to_owned(),
                user: 104,
                group: 110
            })
        );
        assert_eq!(find(passwd, "post"), None);
    }
}
