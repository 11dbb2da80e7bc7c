//! Erasure of the holders' personal data in a database that services share: verified by the binary,
//! and by an independent dump of every table.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::servers::free_port;
use crate::world::{World, done, printed, tramonto};

/// The shipped plan, whose last phase has started.
const ENDED: &str = include_str!("../../../../deploy/plans/cec-pac.toml");
const REGISTRATIONS: u32 = 300;
const FOUND: i32 = 4;

/// A deployment whose due phases are complete, and the operator's files.
struct Ending {
    world: World,
    store: String,
    folder: PathBuf,
    /// The registry file's rows.
    rows: Vec<Vec<String>>,
}

impl Ending {
    /// With a plan of which this many phases are past.
    async fn of(plan: &str, past: i64) -> Self {
        let mut world = World::under(plan, REGISTRATIONS).await;
        let services = ["scheduler", "worker", "projector"].map(|role| world.start(role, &[]));
        world.until("every due phase", async || world.completed().await >= past).await;
        for service in services {
            assert_eq!(service.stop().await, Some(0));
        }
        let (store, folder) = (world.store(), world.folder.path().to_owned());
        let registry = fs::read_to_string(folder.join("registry.csv")).unwrap();
        let rows = registry.lines().skip(1);
        let rows = rows.map(|row| row.split(',').map(str::to_owned).collect()).collect();
        let ending = Self { world, store, folder, rows };
        ending.done(&["key", "create"]);
        ending
    }

    /// Arguments with the folders that a database does not have.
    fn with<'a>(arguments: &[&'a str], folders: &'a [String; 2]) -> Vec<&'a str> {
        let mut all = vec!["--keys", &folders[0]];
        all.extend_from_slice(arguments);
        if matches!(arguments[0], "log-request" | "mail-log" | "erasure") {
            all.extend(["--archive", &folders[1]]);
        }
        all
    }

    fn folders(&self) -> [String; 2] {
        ["keys", "archive"].map(|name| self.path(name).to_str().unwrap().to_owned())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn done(&self, arguments: &[&str]) -> String {
        printed(&self.store, &Self::with(arguments, &self.folders()))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// Why a command is refused.
    fn refused(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let ran = tramonto(&self.store).args(Self::with(arguments, &self.folders())).output();
        let ran = ran.unwrap();
        assert!(!ran.status.success(), "{arguments:?}");
        let told = [ran.stdout, ran.stderr].concat();
        (ran.status.code(), String::from_utf8(told).unwrap())
    }

    /// The number of the first activated mailbox.
    fn activated(&self) -> usize {
        self.rows.iter().position(|row| !row[6].is_empty()).unwrap()
    }

    /// The identifying texts of a holder.
    fn known_by(&self, number: usize) -> [String; 2] {
        [self.rows[number][1].clone(), self.rows[number][4].clone()]
    }

    /// Two e-mails that name a holder, the second in base64, and one that does not.
    fn send_e_mails(&self, number: usize) {
        let [code, address] = self.known_by(number);
        let base64 = BASE64_STANDARD.encode(&code);
        let head = "From: Y <y@posta.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n";
        for (name, message) in [
            ("plain", format!("From: Z <z@posta.example>\r\n\r\nper {address}\r\n")),
            ("encoded", format!("{head}Content-Transfer-Encoding: base64\r\n\r\n{base64}\r\n")),
            ("other", "From: X <x@posta.example>\r\n\r\nnobody\r\n".to_owned()),
        ] {
            fs::write(self.path(name), message).unwrap();
            self.done(&["message", "receive", self.path(name).to_str().unwrap()]);
        }
    }

    /// Indexes a mail log with a message for the mailbox.
    fn index_a_log(&self, number: usize) {
        let [_, address] = self.known_by(number);
        let lines = [
            "smtpd[1]: 3F2A41C0: client=mail.comune.example[192.0.2.2]",
            "cleanup[2]: 3F2A41C0: message-id=<uno@comune.example>",
            "qmgr[3]: 3F2A41C0: from=<urp@comune.example>, size=1, nrcpt=1 (queue active)",
            &format!(
                "lmtp[4]: 3F2A41C0: to=<{address}>, relay=x, delay=1, dsn=2.0.0, status=sent (250 \
                 Ok)"
            ),
            "qmgr[3]: 3F2A41C0: removed",
        ];
        let line = |text: &&str| format!("2015-07-10T10:00:00+02:00 mx1 postfix/{text}\n");
        let log = self.path("mail.txt");
        fs::write(&log, lines.iter().map(line).collect::<String>()).unwrap();
        let indexed = self.json(&["mail-log", "index", log.to_str().unwrap()]);
        assert_eq!(indexed["messages"], 1);
    }

    /// The exit code of `erasure verify`, which reads the texts on standard input.
    fn verify(&self, texts: &[String]) -> Option<i32> {
        let folders = self.folders();
        let mut command = tramonto(&self.store);
        command.args(Self::with(&["erasure", "verify", "--json"], &folders));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = command.spawn().unwrap();
        running.stdin.take().unwrap().write_all(texts.join("\n").as_bytes()).unwrap();
        let ran = running.wait_with_output().unwrap();
        let told = String::from_utf8(ran.stdout).unwrap();
        assert!(texts.iter().all(|text| !told.contains(text)), "{told}");
        ran.status.code()
    }

    /// The places that contain one of the texts: every table of the database but the platform's
    /// own, every file of ours.
    async fn found(&self, texts: &[String]) -> Vec<String> {
        let mut texts: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
        let encoded: Vec<_> =
            texts.iter().map(|text| BASE64_STANDARD.encode(text.to_uppercase())).collect();
        texts.extend(encoded.iter().map(|text| text.to_lowercase()));
        let mut found = Vec::new();
        let mut database = self.world.connect().await;
        let columns: Vec<(String, String)> = sqlx::query_as(
            "SELECT format('%I.%I', table_schema, table_name), string_agg(CASE data_type WHEN \
             'bytea'
                 THEN format('encode(%I, ''escape'')', column_name)
                 ELSE format('%I::text', column_name) END, ', ')
             FROM information_schema.columns JOIN information_schema.tables
                 USING (table_schema, table_name)
             WHERE table_type = 'BASE TABLE'
                 AND table_schema NOT IN ('information_schema', 'pg_catalog', 'pec')
             GROUP BY 1 ORDER BY 1",
        )
        .fetch_all(&mut database)
        .await
        .unwrap();
        assert!(columns.len() > 15, "{columns:?}");
        for (table, columns) in columns {
            let dump = format!("SELECT concat_ws(' ', {columns}) FROM {table}");
            let rows: Vec<String> =
                sqlx::query_scalar(AssertSqlSafe(dump)).fetch_all(&mut database).await.unwrap();
            let rows = rows.iter().map(|row| row.to_lowercase());
            if rows.into_iter().any(|row| texts.iter().any(|text| row.contains(text))) {
                found.push(table);
            }
        }
        database.close().await.unwrap();
        for file in files(&self.path("archive")) {
            let bytes = fs::read(&file).unwrap().to_ascii_lowercase();
            let stands =
                |text: &String| bytes.windows(text.len()).any(|part| part == text.as_bytes());
            if texts.iter().any(stands) {
                found.push(file.file_name().unwrap().to_str().unwrap().to_owned());
            }
        }
        found
    }
}

/// Every file below a folder, which may be missing.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

const WHY: [&str; 2] = ["--reason", "a test"];

#[tokio::test]
async fn a_holder_is_erased_from_every_table_and_stays_out_and_the_log_stays_whole() {
    let plan = ENDED.replace("from = 2018-03-18", "from = 2090-03-18");
    let ending = Ending::of(&plan, 4).await;
    let number = ending.activated();
    let (whom, known_by) = (number.to_string(), ending.known_by(number));
    let asking = ending.rows.iter().rposition(|row| !row[6].is_empty()).unwrap();
    let (who_asks, asks) = (asking.to_string(), ending.known_by(asking));
    ending.send_e_mails(number);
    ending.index_a_log(number);
    ending.platform(&asks[1]).await;
    let asked =
        ending.json(&["log-request", "create", &who_asks, "--by", "holder", WHY[0], WHY[1]]);
    let request = asked["request"].as_str().unwrap().to_owned();
    ending.done(&["log-request", "verify", &request, WHY[0], WHY[1]]);

    // From the platform's own table, by a user who may read it and nothing else.
    let table = format!("{}#pec.log", ending.store.replace("tramonto@", "reader@"));
    let prepare = ["log-request", "prepare", WHY[0], WHY[1], "--log-table"];
    let bare = ending.refused(&[&prepare[..], &[&table.replace("pec.log", "pec.bare")]].concat());
    assert!(bare.1.contains("no column related, provider"), "{}", bare.1);
    let hidden =
        ending.refused(&[&prepare[..], &[&table.replace("pec.log", "pec.hidden")]].concat());
    assert!(hidden.0 == Some(1) && hidden.1.lines().count() == 1, "{}", hidden.1);
    let ready = ending.json(&[&prepare[..], &[&table]].concat());
    assert_eq!(ready["rows"], 2, "the stranger's is not the mailbox's");
    let export = ending.path("archive/exports").join(format!("{request}.zip"));
    assert!(export.is_file());

    let erase = |whom| ["erasure", "start", whom, WHY[0], WHY[1]];
    let waits = ending.refused(&erase(&who_asks)).1;
    assert!(waits.contains("unfinished log request"), "{waits}");
    let zip = ending.fetched(ready["link"].as_str().unwrap(), &asks[0]).await;
    assert_eq!(zip, fs::read(&export).unwrap());
    let open = ending.refused(&erase(&who_asks)).1;
    assert!(open.contains("wait until it expires"), "{open}");
    let before = ending.found(&known_by).await;
    for place in ["registry.registration", "directory.mailbox", "intake.message", "archive.db"] {
        assert!(before.iter().any(|found| found.starts_with(place)), "{place}: {before:?}");
    }
    assert_eq!(ending.verify(&known_by), Some(FOUND));
    let (status, head) = (ending.json(&["status"]), ending.world.ask(HEAD).await);

    let keys = ending.folders()[0].clone();
    for (more, why) in [
        (&[][..], "or use --no-archive if no mail log was ever indexed"),
        (&["--archive", &keys][..], "the folder of --archive holds no mail logs"),
        (&["--no-archive"][..], "mail logs exist: prepared exports"),
    ] {
        for command in [&erase(&whom)[..], &["erasure", "verify", "somebody"]] {
            let passes = command[1] == "verify" && more == ["--no-archive"];
            let arguments = [&["--keys", &keys], command, more].concat();
            let ran = tramonto(&ending.store).args(arguments).output().unwrap();
            let told = String::from_utf8([ran.stdout, ran.stderr].concat()).unwrap();
            assert!(passes || (!ran.status.success() && told.contains(why)), "{command:?}: {told}");
        }
    }
    assert_eq!(ending.world.ask(HEAD).await, head, "nothing was ordered");

    let told = ending.done(&erase(&whom));
    assert!(told.contains("directory 1, exports 0, messages 2, registry 1"), "{told}");
    assert_eq!(ending.found(&known_by).await, [""; 0]);
    assert!(export.exists(), "nobody else's export went");
    assert_eq!(ending.verify(&known_by), Some(0));
    assert_eq!(ending.verify(&["x@posta.example".to_owned()]), Some(FOUND), "nobody else's went");
    assert_eq!(ending.world.ask(HEAD).await, head + 2, "ordered, and done");
    assert!(ending.done(&erase(&whom)).contains("nothing to do: all erasures are complete"));

    let file = ending.path("registry.csv");
    let (code, again) = ending.refused(&["registry", "import", file.to_str().unwrap()]);
    assert_eq!(code, Some(3), "one row is refused, the others are known: {again}");
    // The stopped projector holds the lease of the table for half a minute more.
    let rebuild = ["store", "rebuild"];
    let done_anew = async || {
        let ran = tramonto(&ending.store).args(rebuild).output().unwrap();
        assert!(ran.status.success() || ran.stderr.ends_with(b"wait half a minute\n"));
        ran.status.success()
    };
    ending.world.until("a rebuild", done_anew).await;
    // The rebuild has released the lease.
    assert!(ending.done(&rebuild).contains("equal to the former ones"));
    assert_eq!(ending.json(&["status"])["phases"], status["phases"]);
    assert_eq!(ending.found(&known_by).await, [""; 0], "nobody comes back");
    assert_eq!(ending.verify(&known_by), Some(0));
}

#[tokio::test]
async fn at_the_end_everyone_is_erased_from_every_table() {
    let ending = Ending::of(ENDED, 5).await;
    let held = ending.activated();
    ending.send_e_mails(held);
    let whom = held.to_string();
    done(&ending.store, &["hold", "place", &whom, "--capability", "access", WHY[0], WHY[1]]);
    let everyone: Vec<String> = (0..ending.rows.len())
        .filter(|row| *row != held)
        .flat_map(|row| ending.known_by(row))
        .collect();
    let status = ending.json(&["status"]);
    let all = ["erasure", "start", "--all", WHY[0], WHY[1]];
    ending.done(&["mail-log", "destroy", WHY[0], WHY[1]]);
    assert_eq!(ending.json(&["mail-log", "status"])["gone"], true);
    let told = ending.done(&all);
    assert!(told.contains("messages 3, registry 299"), "{told}");
    assert!(told.contains("kept for 1 mailbox: by a hold"), "{told}");
    assert_eq!(ending.found(&everyone).await, [""; 0]);
    for some in everyone.chunks(100) {
        assert_eq!(ending.verify(some), Some(0));
    }
    assert_eq!(ending.verify(&ending.known_by(held)), Some(FOUND), "a hold keeps its holder known");
    assert_eq!(ending.json(&["status"])["phases"], status["phases"]);
    let file = ending.path("registry.csv");
    assert_eq!(ending.refused(&["registry", "import", file.to_str().unwrap()]).0, Some(3));
    assert_eq!(ending.found(&everyone).await, [""; 0]);
}

/// A process that ends with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        // A process that has exited cannot be killed.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

const HEAD: &str = "SELECT position FROM tramonto.log_head";

impl Ending {
    /// The export of a link, as its holder gets it from the portal.
    async fn fetched(&self, link: &str, codice_fiscale: &str) -> Vec<u8> {
        let path = link.strip_prefix("http://127.0.0.1:8090").unwrap();
        let listen = format!("127.0.0.1:{}", free_port());
        let folders = self.folders();
        let mut portal = tramonto(&self.store);
        portal.args(Self::with(&["service", "portal", "--listen", &listen], &folders));
        portal.env("TRAMONTO_ARCHIVE", &folders[1]).stderr(Stdio::null());
        let _portal = Ends(portal.spawn().unwrap());
        self.world.until("the portal", async || TcpStream::connect(&listen).is_ok()).await;
        let body = format!("codice_fiscale={codice_fiscale}");
        let mut stream = TcpStream::connect(&listen).unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|part| part == b"\r\n\r\n").unwrap();
        assert!(
            answer.starts_with(b"HTTP/1.1 200 "),
            "{}",
            String::from_utf8_lossy(&answer[..end])
        );
        answer.split_off(end + 4)
    }

    /// A platform's own table: one message to the mailbox, one from it, and one to another address.
    async fn platform(&self, address: &str) {
        let rows = format!(
            "CREATE SCHEMA pec;
             CREATE TABLE pec.log (message_id text, at timestamptz, sender text, recipient text,
                 subject text, event text, related text, provider text);
             INSERT INTO pec.log VALUES
                 ('1@comune.example', '2015-07-10T10:00:00+02:00', 'urp@comune.example', \
                 '{address}',
                     'Avviso', 'delivered', 'A', 'mx'),
                 ('2@comune.example', '2015-07-10T10:00:00+02:00', 'urp@comune.example', \
                 'c@altro.example',
                     'Avviso', 'delivered', 'B', 'mx'),
                 ('3@pc.example', '2015-03-10T10:00:00+02:00', '{address}', 'urp@comune.example',
                     'Domanda', 'accepted', NULL, 'mx');
             CREATE VIEW pec.bare AS SELECT message_id, at, sender, recipient, subject, event FROM \
             pec.log;
             CREATE VIEW pec.hidden AS SELECT * FROM pec.log;
             CREATE ROLE reader LOGIN;
             GRANT USAGE ON SCHEMA pec TO reader;
             GRANT SELECT ON pec.log, pec.bare TO reader;"
        );
        let mut database = self.world.connect().await;
        database.execute(AssertSqlSafe(rows)).await.unwrap();
        database.close().await.unwrap();
    }
}
