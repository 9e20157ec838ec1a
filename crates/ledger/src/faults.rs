//! The committer on a disk that fails, counted call by call; and groups that reached the disk in part.

use std::convert::Infallible;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use bedside_claim::Money;

use crate::journal::{JournalFile, Wrap};
use crate::*;

#[derive(Debug, Default)]
struct Disk {
    writes: AtomicU32,
    syncs: AtomicU32,
    calls: AtomicU32,
    /// The call that fails, from 1; zero for a disk that is well.
    fails_at: AtomicU32,
    /// How much of a failing write reaches the file, in thousandths.
    partial: AtomicU64,
}

struct Faulty {
    file: File,
    disk: Arc<Disk>,
}

impl Faulty {
    fn fails(&self) -> bool {
        let call = self.disk.calls.fetch_add(1, Ordering::SeqCst) + 1;
        call == self.disk.fails_at.load(Ordering::SeqCst)
    }
}

impl JournalFile for Faulty {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.writes.fetch_add(1, Ordering::SeqCst);
        if self.fails() {
            let part =
                bytes.len() * usize::try_from(self.disk.partial.load(Ordering::SeqCst)).unwrap() / 1000;
            JournalFile::write_all_at(&self.file, &bytes[..part], offset)?;
            return Err(io::Error::from_raw_os_error(5));
        }
        JournalFile::write_all_at(&self.file, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.syncs.fetch_add(1, Ordering::SeqCst);
        if self.fails() {
            return Err(io::Error::from_raw_os_error(5));
        }
        JournalFile::sync_data(&self.file)
    }
}

/// Stands still in a sync until it is released.
struct Hanging {
    file: File,
    release: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl JournalFile for Hanging {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        JournalFile::write_all_at(&self.file, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        // An error when the test is over, which is as good.
        let _ = self.release.lock().unwrap().recv();
        JournalFile::sync_data(&self.file)
    }
}

fn config(dir: &Path) -> LedgerConfig {
    LedgerConfig { segment_bytes: 1 << 16, ..LedgerConfig::at(dir) }
}

fn open(dir: &Path, disk: &Arc<Disk>) -> Ledger {
    let disk = Arc::clone(disk);
    let wrap: Wrap = Arc::new(move |file| Box::new(Faulty { file, disk: Arc::clone(&disk) }));
    Ledger::open_on(config(dir), open::Disk { wrap, free: Arc::new(|| Ok(u64::MAX)) }).unwrap()
}

fn event(number: u32) -> SettleEvent {
    SettleEvent {
        message: MessageKey {
            tenant: "t".into(),
            fixmedins_code: "H1".into(),
            msgid: format!("m{number}").into(),
        },
        person: PersonKey { tenant: "t".into(), psn_no: "p".into() },
        family_no: None,
        hold_id: None,
        mdtrt_id: format!("v{number}").into(),
        stay: None,
        booked_at_ms: 0,
        request: format!("request {number}").into_bytes(),
    }
}

fn decide(_: &Seen, assigned: &Assigned) -> Result<Decision, Infallible> {
    let total = Money::from_units(100);
    Ok(Decision {
        benefit_year: 2026,
        medfee_sumamt: total,
        postings: vec![Posting { account: "cash".into(), amount: total }],
        accumulators: Vec::new(),
        answer: assigned.setl_id.as_bytes().to_vec(),
    })
}

type Outcome = Result<Committed, SettleError<Infallible>>;

/// Submits the numbered settlements while the committer is held inside the decision of the first: the rest is one
/// group behind it. Gives the outcomes in order of arrival.
fn in_one_group(ledger: &Ledger, numbers: std::ops::Range<u32>) -> Vec<Outcome> {
    let (release, gate) = mpsc::channel::<()>();
    let (entered, inside) = mpsc::channel();
    let (sender, outcomes) = mpsc::channel();
    let gate = Mutex::new(gate);
    let reply = |sender: mpsc::Sender<Outcome>| move |outcome| sender.send(outcome).unwrap();
    let hold = move |seen: &Seen, assigned: &Assigned| {
        entered.send(()).unwrap();
        gate.lock().unwrap().recv().unwrap();
        decide(seen, assigned)
    };
    ledger.submit_settle(event(numbers.start), hold, reply(sender.clone())).unwrap();
    inside.recv().unwrap();
    for number in numbers.skip(1) {
        ledger.submit_settle(event(number), decide, reply(sender.clone())).unwrap();
    }
    drop(sender);
    release.send(()).unwrap();
    outcomes.iter().collect()
}

#[test]
fn a_group_is_one_write_and_one_sync() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Disk::default());
    let ledger = open(dir.path(), &disk);
    assert!(in_one_group(&ledger, 0..20).iter().all(Result::is_ok));
    assert_eq!((disk.writes.load(Ordering::SeqCst), disk.syncs.load(Ordering::SeqCst)), (1, 1));
    // replays and refusals write nothing
    ledger.settle(event(3), decide).unwrap();
    ledger.settle(event(99), |_, _| Err(())).unwrap_err();
    assert_eq!((disk.writes.load(Ordering::SeqCst), disk.syncs.load(Ordering::SeqCst)), (1, 1));
}

#[test]
fn after_the_first_failing_call_nothing_is_promised() {
    for fails_at in 1..=6 {
        for partial in [0, 300, 999, 1000] {
            let dir = tempfile::tempdir().unwrap();
            let disk = Arc::new(Disk::default());
            disk.fails_at.store(fails_at, Ordering::SeqCst);
            disk.partial.store(partial, Ordering::SeqCst);
            let ledger = open(dir.path(), &disk);
            let mut promised = Vec::new();
            // one write and one sync each: calls 1 and 2, 3 and 4, 5 and 6
            for group in 0..3u32 {
                let outcomes = in_one_group(&ledger, group * 4..group * 4 + 4);
                if group < (fails_at - 1) / 2 {
                    promised.extend(outcomes.into_iter().map(Result::unwrap));
                } else {
                    assert!(
                        outcomes
                            .iter()
                            .all(|it| matches!(it, Err(SettleError::NotBooked(NotBooked::Stopped))))
                    );
                    break;
                }
            }
            assert!(matches!(ledger.health(), Health::Stopped { .. }));
            assert!(matches!(
                ledger.settle(event(50), decide),
                Err(SettleError::NotBooked(NotBooked::Stopped))
            ));
            let calls = disk.calls.load(Ordering::SeqCst);
            assert!(
                matches!(ledger.settle(event(0), decide), Err(SettleError::NotBooked(NotBooked::Stopped))),
                "a replay too"
            );
            assert_eq!(disk.calls.load(Ordering::SeqCst), calls, "nothing is tried again");
            assert_eq!(calls, fails_at);
            drop(ledger);

            // what was promised is there; what was not may be, and then its message says so
            let ledger = Ledger::open(config(dir.path())).unwrap();
            for committed in &promised {
                let found = ledger.settlement("t", &committed.receipt().setl_id).unwrap().unwrap();
                assert_eq!(found.answer, committed.receipt().answer);
            }
            for number in 0..12 {
                ledger.settle(event(number), decide).unwrap();
            }
            assert_eq!(ledger.verify().unwrap().records, 12);
        }
    }
}

#[test]
fn a_failing_sync_of_a_full_segment_stops_too() {
    for fails_at in 1..=5 {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(Disk::default());
        disk.fails_at.store(fails_at, Ordering::SeqCst);
        let ledger = open(dir.path(), &disk);
        // 100 x 1 KiB do not fit into 64 KiB: write, sync, new segment, write, sync
        let (sender, outcomes) = mpsc::channel();
        let (release, gate) = mpsc::channel::<()>();
        let gate = Mutex::new(gate);
        for number in 0..100 {
            let sender = sender.clone();
            let event = SettleEvent { request: vec![b'x'; 1024], ..event(number) };
            let reply = move |outcome: Outcome| sender.send(outcome.is_ok()).unwrap();
            if number == 0 {
                let (entered, inside) = mpsc::channel();
                let gate = Mutex::new(std::mem::replace(&mut *gate.lock().unwrap(), mpsc::channel().1));
                let hold = move |seen: &Seen, assigned: &Assigned| {
                    entered.send(()).unwrap();
                    gate.lock().unwrap().recv().unwrap();
                    decide(seen, assigned)
                };
                ledger.submit_settle(event, hold, reply).unwrap();
                inside.recv().unwrap();
            } else {
                ledger.submit_settle(event, decide, reply).unwrap();
            }
        }
        release.send(()).unwrap();
        drop(sender);
        let promised = outcomes.iter().filter(|ok| *ok).count();
        assert_eq!(promised, if fails_at == 5 { 100 } else { 0 }, "call {fails_at}");
        drop(ledger);
        let ledger = Ledger::open(config(dir.path())).unwrap();
        assert!(ledger.verify().unwrap().records >= promised as u64);
    }
}

/// A sync that does not return within the deadline is a failed one, although it succeeds in the end.
#[test]
fn a_write_past_its_deadline_stops() {
    let dir = tempfile::tempdir().unwrap();
    let (release, held) = mpsc::channel();
    let held = Arc::new(Mutex::new(held));
    let wrap: Wrap = Arc::new(move |file| Box::new(Hanging { file, release: Arc::clone(&held) }));
    let short = LedgerConfig { write_deadline: std::time::Duration::from_millis(20), ..config(dir.path()) };
    let ledger = Ledger::open_on(short, open::Disk { wrap, free: Arc::new(|| Ok(u64::MAX)) }).unwrap();
    // callers are answered although the committer is not
    assert!(matches!(ledger.settle(event(1), decide), Err(SettleError::NotBooked(NotBooked::Stopped))));
    let Health::Stopped { reason } = ledger.health() else { panic!("serving") };
    assert!(reason.starts_with("a write took longer than"), "{reason}");
    assert!(matches!(ledger.settle(event(1), decide), Err(SettleError::NotBooked(NotBooked::Stopped))));
    let (sender, outcome) = mpsc::channel();
    ledger.submit_settle(event(2), decide, move |it: Outcome| sender.send(it).unwrap()).unwrap();
    assert!(matches!(outcome.recv().unwrap(), Err(SettleError::NotBooked(NotBooked::Stopped))));
    release.send(()).unwrap();
    ledger.shutdown();
    assert!(matches!(ledger.health(), Health::Stopped { reason: kept } if kept == reason));
    drop(ledger);
    // what became of it is known again once the ledger is opened anew
    let ledger = loop {
        match Ledger::open(config(dir.path())) {
            // the committer, detached, still holds the lock
            Err(OpenError::Locked) => std::thread::yield_now(),
            opened => break opened.unwrap(),
        }
    };
    assert!(matches!(ledger.settle(event(1), decide).unwrap(), Committed::Replayed(_)));
}

/// A disk of which the test says how much is free.
fn open_with_free(dir: &Path, free: &Arc<AtomicU64>) -> Ledger {
    let free = Arc::clone(free);
    let disk = open::Disk {
        wrap: Arc::new(|file: File| Box::new(file)),
        free: Arc::new(move || Ok(free.load(Ordering::SeqCst))),
    };
    Ledger::open_on(config(dir), disk).unwrap()
}

#[test]
fn a_nearly_full_disk_takes_cancellations_only() {
    let dir = tempfile::tempdir().unwrap();
    let segment = config(dir.path()).segment_bytes;
    let free = Arc::new(AtomicU64::new(segment));
    let ledger = open_with_free(dir.path(), &free);
    let reserve = || fs::metadata(dir.path().join("reserve")).unwrap().len();
    let first = ledger.settle(event(1), decide).unwrap();
    ledger.settle(SettleEvent { person: other(), ..event(2) }, decide).unwrap();
    assert_eq!(reserve(), segment);
    free.store(segment - 1, Ordering::SeqCst);
    assert!(matches!(ledger.settle(event(3), decide), Err(SettleError::DiskNearlyFull)));
    // a replay is a read
    assert!(matches!(ledger.settle(event(1), decide).unwrap(), Committed::Replayed(_)));
    assert_eq!(reserve(), segment);
    // full: the reserve is given up
    free.store(segment / 4 - 1, Ordering::SeqCst);
    assert!(matches!(ledger.settle(event(3), decide), Err(SettleError::DiskNearlyFull)));
    assert_eq!(reserve(), 0);
    let cancel = |msgid: &str, person: PersonKey, setl_id: &str, padding: usize| {
        let request = vec![b'x'; padding];
        let message = MessageKey { msgid: msgid.into(), ..event(0).message };
        let event = CancelEvent { message, person, setl_id: setl_id.into(), booked_at_ms: 0, request };
        ledger.cancel(event, |_: &BookedSettlement, _: &Assigned| Ok::<_, Infallible>(Vec::new()))
    };
    // into the present segment, into the spare, and then nothing is left
    let most = usize::try_from(segment).unwrap() * 3 / 4;
    cancel("c1", event(1).person, &first.receipt().setl_id, most).unwrap();
    cancel("c2", other(), "S0000000000000002", most).unwrap();
    // a tombstone is as small as an answer gets, and as much wanted
    let message = MessageKey { msgid: "r".into(), ..event(0).message };
    let reversal = ReverseEvent {
        message,
        person: other(),
        omsgid: "never".into(),
        okind: MessageKind::Settle,
        booked_at_ms: 0,
        request: Vec::new(),
    };
    ledger
        .reverse(reversal, |_: Option<&BookedSettlement>, _: &Assigned| Ok::<_, Infallible>(Vec::new()))
        .unwrap();
    assert_eq!(ledger.verify().unwrap().records, 5);
    // space again: the reserve is taken again, and then settlements are
    free.store(4 * segment, Ordering::SeqCst);
    while let Err(error) = ledger.settle(event(3), decide) {
        assert!(matches!(error, SettleError::DiskNearlyFull), "{error:?}");
        std::thread::yield_now();
    }
    assert_eq!(reserve(), segment);
}

fn other() -> PersonKey {
    PersonKey { tenant: "t".into(), psn_no: "q".into() }
}

/// A segment that cannot be made on a full disk refuses, it does not stop.
#[test]
fn a_cancellation_without_room_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let free = Arc::new(AtomicU64::new(u64::MAX));
    let ledger = open_with_free(dir.path(), &free);
    let booked = ledger.settle(event(1), decide).unwrap();
    free.store(0, Ordering::SeqCst);
    let cancel = |padding: usize| {
        let event = CancelEvent {
            message: MessageKey { msgid: "c".into(), ..event(0).message },
            person: event(1).person,
            setl_id: Arc::clone(&booked.receipt().setl_id),
            booked_at_ms: 0,
            request: vec![b'x'; padding],
        };
        ledger.cancel(event, |_: &BookedSettlement, _: &Assigned| Ok::<_, Infallible>(Vec::new()))
    };
    // larger than the spare
    let segment = usize::try_from(config(dir.path()).segment_bytes).unwrap();
    assert!(matches!(cancel(segment), Err(CancelError::DiskFull)));
    assert_eq!(ledger.health(), Health::Serving);
    cancel(10).unwrap();
}

/// The offsets of the frames in the only segment.
fn offsets(dir: &Path) -> Vec<usize> {
    let records = read_journal(dir).unwrap();
    records.map(|it| usize::try_from(it.unwrap().0.offset).unwrap()).collect()
}

#[test]
fn a_group_that_reached_the_disk_in_part_is_cut_but_a_synced_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Disk::default());
    let ledger = open(dir.path(), &disk);
    in_one_group(&ledger, 0..3);
    in_one_group(&ledger, 3..6);
    drop(ledger);
    // as after a power cut: no group was applied to the tables, and the checkpoint was not synced
    fs::remove_dir_all(dir.path().join("tables")).unwrap();
    fs::remove_file(dir.path().join("checkpoint")).unwrap();
    let file = dir.path().join("journal/0000000001.journal");
    let whole = fs::read(&file).unwrap();
    let offsets = offsets(dir.path());
    let without = |record: usize| {
        let mut bytes = whole.clone();
        let end = offsets.get(record + 1).copied().unwrap_or(bytes.len());
        bytes[offsets[record]..end].fill(0);
        bytes
    };
    // the disk may write the pages of one group in any order: 4 is missing although 5 and 6 are there
    for (record, left) in [(3, 3), (4, 4), (5, 5)] {
        fs::write(&file, without(record)).unwrap();
        assert_eq!(read_journal(dir.path()).unwrap().map(Result::unwrap).count(), left);
    }
    // 1, 2 and 3 were synced before 4 was written: a gap among them is damage
    for (record, start) in offsets.iter().enumerate().take(3) {
        fs::write(&file, without(record)).unwrap();
        let error = Ledger::open(config(dir.path())).unwrap_err();
        let OpenError::Journal(ReadError::Damaged { segment: 1, offset, .. }) = error else {
            panic!("{error:?}")
        };
        assert_eq!(offset, *start as u64);
        let _ = fs::remove_file(dir.path().join("checkpoint"));
        fs::remove_dir_all(dir.path().join("tables")).unwrap();
    }
    fs::write(&file, without(3)).unwrap();
    let ledger = Ledger::open(config(dir.path())).unwrap();
    assert_eq!((ledger.open_report().records, ledger.open_report().tail_cut.is_some()), (3, true));
    // what was cut is zero, so that it can never follow a new record 4
    ledger.settle(event(77), decide).unwrap();
    drop(ledger);
    let ledger = Ledger::open(config(dir.path())).unwrap();
    assert_eq!((ledger.open_report().records, ledger.open_report().tail_cut), (4, None));
}

/// A client that knows the format puts a frame of a far group into its request, and the power goes while it is
/// written: the checksum's seed is not his to know.
#[test]
fn a_frame_inside_a_request_is_no_frame() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Disk::default());
    let ledger = open(dir.path(), &disk);
    ledger.settle(event(1), decide).unwrap();
    let mut request = b"a bill ".to_vec();
    frame::push_frame(&mut request, 0, 3, 0, &[0; 32], 4, b"evil");
    ledger.settle(SettleEvent { request, ..event(2) }, decide).unwrap();
    drop(ledger);
    fs::remove_dir_all(dir.path().join("tables")).unwrap();
    fs::remove_file(dir.path().join("checkpoint")).unwrap();
    let file = dir.path().join("journal/0000000001.journal");
    let mut bytes = fs::read(&file).unwrap();
    bytes[offsets(dir.path())[1]] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert_eq!(Ledger::open(config(dir.path())).unwrap().open_report().records, 1);
}
