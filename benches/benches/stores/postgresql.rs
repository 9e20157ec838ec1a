//! PostgreSQL on a socket of its own in the bench's directory: one function call a settlement, one statement and one
//! round trip a group.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use postgres::{Client, NoTls, Statement};

use crate::{Settlement, Store};

const TABLES: &str = "
    CREATE TABLE records (sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, record bytea NOT NULL);
    ALTER TABLE records ALTER COLUMN record SET STORAGE EXTERNAL;
    CREATE TABLE settlements (sequence bigint PRIMARY KEY, state text NOT NULL);
    CREATE TABLE messages (message text PRIMARY KEY, sequence bigint NOT NULL);
    CREATE TABLE visits (visit text PRIMARY KEY, sequence bigint NOT NULL);
    CREATE TABLE years (person text PRIMARY KEY, paid bigint NOT NULL);
    CREATE FUNCTION settle(m text, v text, p text, r bytea) RETURNS bigint LANGUAGE plpgsql AS $$
    DECLARE number bigint;
    BEGIN
        INSERT INTO records (record) VALUES (r) RETURNING sequence INTO number;
        INSERT INTO messages VALUES (m, number);
        INSERT INTO visits VALUES (v, number);
        INSERT INTO settlements VALUES (number, 'booked');
        INSERT INTO years VALUES (p, 100) ON CONFLICT (person) DO UPDATE SET paid = years.paid + 100;
        RETURN number;
    END $$;";

const SETTLE: &str = "SELECT settle(m, v, p, r) FROM
    unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) AS calls (m, v, p, r)";

pub(crate) struct Postgresql {
    server: Child,
    client: Client,
    settle: Statement,
}

/// The server's programs, from the `postgres` in the path or where Debian puts version 15.
fn programs() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let mut dirs: Vec<PathBuf> = env::split_paths(&path).collect();
    dirs.push(PathBuf::from("/usr/lib/postgresql/15/bin"));
    let found = dirs.into_iter().map(|dir| dir.join("postgres")).find(|program| program.exists())?;
    fs::canonicalize(found).ok()?.parent().map(Path::to_owned)
}

/// The server refuses to be root: the user `postgres`, or `nobody`, where this program is root.
fn other_user() -> Option<(u32, u32)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    if !status.lines().any(|line| line.starts_with("Uid:\t0\t")) {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").ok()?;
    ["postgres:", "nobody:"].iter().find_map(|name| {
        let user = users.lines().find(|line| line.starts_with(name))?;
        let mut numbers = user.split(':').skip(2).map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    })
}

impl Postgresql {
    /// Starts a server below `disk`.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn start(disk: &Path) -> Result<Postgresql, String> {
        let programs = programs().ok_or("no `postgres` in the path")?;
        let (dir, user) = (disk.join("postgresql"), other_user());
        let told = |error: std::io::Error| error.to_string();
        fs::create_dir(&dir).map_err(told)?;
        if let Some((user, group)) = user {
            // The way down to the server's directory must be open to its user.
            for parent in dir.ancestors().take_while(|parent| *parent != Path::new("/")).skip(1).take(1) {
                fs::set_permissions(parent, std::os::unix::fs::PermissionsExt::from_mode(0o755))
                    .map_err(told)?;
            }
            std::os::unix::fs::chown(&dir, Some(user), Some(group)).map_err(told)?;
        }
        let command = |name: &str| {
            let mut command = Command::new(programs.join(name));
            command.current_dir(&dir).stdout(Stdio::null()).stderr(Stdio::null());
            if let Some((user, group)) = user {
                command.uid(user).gid(group);
            }
            command
        };
        let data = dir.join("data");
        let made = command("initdb").args(["-A", "trust", "-U", "bench", "-D"]).arg(&data).status();
        if !made.map_err(told)?.success() {
            return Err("`initdb` failed".to_owned());
        }
        let server = command("postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&dir)
            .args(["-c", "listen_addresses=", "-c", "synchronous_commit=on", "-c", "fsync=on"])
            .spawn()
            .map_err(told)?;
        let mut settings = postgres::Config::new();
        settings.host_path(&dir).user("bench").dbname("postgres");
        for _ in 0..100 {
            if let Ok(mut client) = settings.connect(NoTls) {
                client.batch_execute(TABLES).map_err(|error| error.to_string())?;
                let settle = client.prepare(SETTLE).map_err(|error| error.to_string())?;
                return Ok(Postgresql { server, client, settle });
            }
            thread::sleep(Duration::from_millis(100));
        }
        Err("the server does not answer".to_owned())
    }
}

impl Store for Postgresql {
    fn name(&self) -> &'static str {
        "PostgreSQL 15, `synchronous_commit=on`"
    }

    fn settle(&mut self, group: Vec<Settlement>) {
        let texts = |of: fn(&Settlement) -> &str| group.iter().map(of).collect::<Vec<_>>();
        let (messages, visits) = (texts(|it| &it.message), texts(|it| &it.visit));
        let persons = texts(|it| &it.person);
        let records: Vec<Vec<u8>> = group.iter().map(Settlement::record).collect();
        let booked = self.client.query(&self.settle, &[&messages, &visits, &persons, &records]).unwrap();
        assert_eq!(booked.len(), group.len());
    }

    fn processes(&self) -> Vec<u32> {
        let server = self.server.id();
        let is_child = |process: &u32| {
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
            parent == Some(&server.to_string())
        };
        let all =
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        all.filter(is_child).chain([server]).collect()
    }
}

impl Drop for Postgresql {
    fn drop(&mut self) {
        // Its children end with it.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
