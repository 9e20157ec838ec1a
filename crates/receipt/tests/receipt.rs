//! Notes, checkpoints, receipts and sums: what is accepted, and that nothing changed is.

#![allow(clippy::unwrap_used, clippy::panic)]

use bedside_receipt::merkle::{Hash, Tree, leaf_hash, node_hash};
use bedside_receipt::*;
use proptest::prelude::*;

/// The key and the note of the signed-note documentation of Go.
const NEUMANN: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const NEUMANN_SECRET: [u8; 32] = [
    0x81, 0x0A, 0x14, 0x02, 0xD5, 0x14, 0x6C, 0x8D, 0x84, 0xF2, 0x44, 0x33, 0x30, 0xF5, 0x40, 0x80, 0xEB,
    0xF9, 0x8E, 0xE1, 0x7D, 0x9C, 0x74, 0xF6, 0x25, 0x2F, 0xC5, 0xD5, 0xC7, 0x28, 0x31, 0x73,
];
const NEUMANN_TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                            then you don't know what your problem is.\n";
const NEUMANN_SIGNATURE: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn key() -> SigningKey {
    SigningKey::new("example.com/ward", &[7; 32]).unwrap()
}

/// One field of a message.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 & 0x7F | 2];
    if number >= 16 {
        bytes = vec![(number << 3) & 0x7F | 0x80 | 2, number >> 4];
    }
    let length = value.len();
    bytes.extend([u8::try_from(length & 0x7F).unwrap() | 0x80, u8::try_from(length >> 7).unwrap()]);
    bytes.extend_from_slice(value);
    bytes
}

fn message(fields: &[(u8, &str)]) -> Vec<u8> {
    fields.iter().flat_map(|(number, text)| field(*number, text.as_bytes())).collect()
}

/// Two lines, two payers: 100.00 + 50.00 in scope and out, 60.00 by basic insurance, 10.00 by a policy.
fn answer(setlinfo_cash: &str) -> Vec<u8> {
    let info = message(&[
        (1, "150.00"),
        (2, "50.00"),
        (5, "100.00"),
        (7, "60.00"),
        (14, "60.00"),
        (15, "10.00"),
        (17, "80.00"),
        (18, "5.00"),
        (19, setlinfo_cash),
    ]);
    let payments =
        [message(&[(1, "basic_insurance"), (8, "60.00")]), message(&[(1, "commercial"), (8, "10.00")])];
    let lines = [
        message(&[(5, "100.00"), (9, "100.00"), (13, "60.00"), (13, "10.00"), (15, "5.00"), (16, "25.00")]),
        message(&[(5, "50.00"), (6, "50.00"), (13, "0.00"), (13, "0.00"), (16, "50.00")]),
    ];
    let mut bytes = message(&[(1, "S0000000000000002"), (5, "2026-03-02 09:00:00")]);
    bytes.extend(field(8, &info));
    payments.iter().for_each(|it| bytes.extend(field(9, it)));
    lines.iter().for_each(|it| bytes.extend(field(10, it)));
    bytes
}

/// The receipt of the second of three records.
fn receipt(answer: Vec<u8>, first: Hash, size: u64, time: &str) -> Receipt {
    let mut receipt = Receipt {
        sequence: 2,
        booked_at_ms: 1_780_000_000_000,
        answer,
        salt: [3; 32],
        record_hash: [4; 32],
        inclusion_proof: vec![first],
        checkpoint: String::new(),
        consistency: None,
    };
    let mut root = node_hash(&first, &receipt.leaf());
    if size == 3 {
        let third = leaf_hash(b"third");
        receipt.inclusion_proof.push(third);
        root = node_hash(&root, &third);
    }
    receipt.checkpoint = Checkpoint::sign(&Tree { size, root }, time, &key());
    receipt
}

const MORNING: &str = "2026-03-02T01:00:00.000Z";
const EVENING: &str = "2026-03-02T10:00:00.000Z";

#[test]
fn a_note_of_another_program_is_read_and_written_the_same() {
    let public: PublicKey = NEUMANN.parse().unwrap();
    let note = format!("{NEUMANN_TEXT}\n{NEUMANN_SIGNATURE}");
    assert_eq!(public.open(&note), Ok(NEUMANN_TEXT));
    let signing = SigningKey::new("PeterNeumann", &NEUMANN_SECRET).unwrap();
    assert_eq!(signing.public().to_string(), NEUMANN);
    assert_eq!(signing.sign(NEUMANN_TEXT), note);
    let secret = signing.to_secret_text();
    assert_eq!(secret, "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n");
    assert_eq!(SigningKey::from_secret_text(&secret).unwrap().sign(NEUMANN_TEXT), note);
    assert!(SigningKey::from_secret_text(&secret.replace("c74f", "c74e")).is_err());
    assert!(SigningKey::from_secret_text(NEUMANN).is_err());
    // a witness's line beside it, before or behind, is passed over
    let witness = key().sign(NEUMANN_TEXT);
    let witness = witness.strip_prefix(NEUMANN_TEXT).unwrap().trim_start();
    assert_eq!(public.open(&format!("{NEUMANN_TEXT}\n{witness}{NEUMANN_SIGNATURE}")), Ok(NEUMANN_TEXT));
    assert_eq!(public.open(&format!("{NEUMANN_TEXT}\n{witness}")), Err(NoteError::Unsigned));
    assert!(!format!("{signing:?}").contains("129"), "a key does not print its secret");
}

#[test]
fn a_key_is_written_in_one_way() {
    let text = key().public().to_string();
    assert_eq!(text.parse::<PublicKey>().unwrap().to_string(), text);
    for wrong in
        ["", "a", "a+b", "a+00000000+AAAA", "a b+c74f20a3+AR", &text.to_uppercase(), &text[..text.len() - 4]]
    {
        assert!(wrong.parse::<PublicKey>().is_err(), "{wrong}");
    }
    // the all-zero point has small order
    assert!("a+00000000+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".parse::<PublicKey>().is_err());
    assert!(SigningKey::new("a name", &[1; 32]).is_err() && SigningKey::new("", &[1; 32]).is_err());
}

#[test]
fn a_checkpoint_is_signed_text_and_nothing_else() {
    let public = key().public();
    let tree = Tree { size: 20_852_163, root: [9; 32] };
    let note = Checkpoint::sign(&tree, MORNING, &key());
    let expected = Checkpoint { origin: "example.com/ward".to_owned(), tree, time: MORNING.to_owned() };
    assert_eq!(Checkpoint::open(&note, &public), Ok(expected));
    let other = SigningKey::new("example.com/ward", &[8; 32]).unwrap().public();
    assert_eq!(Checkpoint::open(&note, &other), Err(NoteError::Unsigned));
    assert_eq!(Checkpoint::open(&note.replace("20852163", "20852164"), &public), Err(NoteError::Signature));
    for text in [
        "example.com/ward\n1\n",
        "example.com/ward\n01\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n",
        "other\n1\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n",
    ] {
        assert_eq!(Checkpoint::open(&key().sign(text), &public), Err(NoteError::Form), "{text}");
    }
}

#[test]
fn a_receipt_proves_its_answer_and_nothing_changed_does() {
    let public = key().public();
    let receipt = receipt(answer("75.00"), leaf_hash(b"first"), 2, MORNING);
    let proved = receipt.verify(&public).unwrap();
    let Answer::Settlement(added) = proved.answer else { panic!("it is a settlement") };
    assert_eq!((proved.checkpoint.tree.size, added.lines), (2, 2));
    assert_eq!(added.setl_id, "S0000000000000002");
    assert_eq!(added.medfee_sumamt.to_string(), "150.00");
    let file = receipt.to_json();
    assert_eq!(Receipt::from_json(file.as_bytes()).unwrap(), receipt);
    assert!(Receipt::from_json(file.replace("receipt/1", "receipt/2").as_bytes()).is_err());
    assert!(Receipt::from_json(file.replace("\"2\"", "\"02\"").as_bytes()).is_err());
    assert!(Receipt::from_json(file.replace("\"salt\"", "\"pepper\"").as_bytes()).is_err());

    let changed = |change: fn(&mut Receipt)| {
        let mut changed = receipt.clone();
        change(&mut changed);
        changed.verify(&public)
    };
    assert_eq!(changed(|it| it.sequence = 1), Err(NotProved::NotIncluded));
    assert_eq!(changed(|it| it.sequence = 0), Err(NotProved::NotIncluded));
    assert_eq!(changed(|it| it.booked_at_ms += 1), Err(NotProved::NotIncluded));
    assert_eq!(changed(|it| it.salt[0] ^= 1), Err(NotProved::NotIncluded));
    assert_eq!(changed(|it| it.record_hash[0] ^= 1), Err(NotProved::NotIncluded));
    assert_eq!(changed(|it| it.inclusion_proof.clear()), Err(NotProved::NotIncluded));
    for at in 0..receipt.answer.len() {
        let mut changed = receipt.clone();
        changed.answer[at] ^= 1;
        assert_eq!(changed.verify(&public), Err(NotProved::NotIncluded), "byte {at}");
    }
}

/// An answer that its ledger really holds, but that is wrong by a fen.
#[test]
fn what_a_reversal_answers_is_added_up_too() {
    let settlement = answer("75.00");
    let undone = [message(&[(1, "undone")]), field(2, &settlement)].concat();
    let Ok(Answer::Undone(added)) = Answer::of(&undone) else { panic!("it is undone") };
    assert_eq!(Ok(added), add_up(&settlement));
    let short = [message(&[(1, "undone")]), field(2, &answer("74.99"))].concat();
    assert!(matches!(Answer::of(&short), Err(AnswerError::Mismatch(_))));
    assert_eq!(Answer::of(&message(&[(1, "tombstone")])), Ok(Answer::Tombstone(None)));
    let named = |oinfno| field(29, &message(&[(1, "H1"), (2, "r1"), (3, "m1"), (4, oinfno)]));
    let of = |head: &[u8], oinfno| Answer::of(&[head.to_vec(), named(oinfno)].concat());
    let (head, barred) = (message(&[(1, "undone")]), message(&[(1, "tombstone")]));
    let Ok(Answer::TakenBack(reversed)) = of(&head, "2303") else { panic!("it is taken back") };
    assert_eq!((reversed.omsgid.as_str(), reversed.oinfno.as_str()), ("m1", "2303"));
    assert!(matches!(of(&barred, "2304"), Ok(Answer::Tombstone(Some(it))) if it.oinfno == "2304"));
    assert!(matches!(of(&undone, "2304"), Ok(Answer::Undone(_))));
    // A settlement that was taken back has its mirror, a hold none.
    assert_eq!(of(&head, "2304"), Err(AnswerError::NotASettlement));
    assert_eq!(of(&undone, "2303"), Err(AnswerError::NotASettlement));
    assert_eq!(of(&[barred, field(2, &settlement)].concat(), "2304"), Err(AnswerError::NotASettlement));

    // Money that would not be added up, and what nobody stores.
    let hidden = [message(&[(1, "tombstone")]), field(2, &settlement)].concat();
    let behind = [message(&[(1, "tombstone")]), settlement.clone()].concat();
    let twice = [undone.clone(), field(2, &settlement)].concat();
    let more = [undone, field(3, b"x")].concat();
    for bytes in [hidden, twice, more, message(&[(1, "undone")]), Vec::new()] {
        assert_eq!(Answer::of(&bytes), Err(AnswerError::NotASettlement), "{bytes:?}");
    }
    // The last value counts, as everywhere in protobuf: this one is the settlement.
    assert!(matches!(Answer::of(&behind), Ok(Answer::Settlement(_))));
    let two_totals = [settlement, field(8, &message(&[(1, "150.00")]))].concat();
    assert_eq!(Answer::of(&two_totals), Err(AnswerError::NotASettlement), "readers would merge them");
}

#[test]
fn a_hold_and_a_settlement_are_not_taken_for_each_other() {
    let quote = answer("75.00");
    let hold = [field(1, &quote), message(&[(2, "H0000000000000007")])].concat();
    let Ok(Answer::Hold { hold_id, quote: promised }) = Answer::of(&hold) else { panic!("it is a hold") };
    assert_eq!((hold_id.as_str(), Ok(promised)), ("H0000000000000007", add_up(&quote)));
    let short = [field(1, &answer("74.99")), message(&[(2, "H0000000000000007")])].concat();
    assert!(matches!(Answer::of(&short), Err(AnswerError::Mismatch(_))));
    for other in ["H1", "S0000000000000007", "H000000000000000x"] {
        assert!(Answer::of(&[field(1, &quote), message(&[(2, other)])].concat()).is_err(), "{other}");
    }
    // Readers would merge two quotes, and one must be there.
    let name = message(&[(2, "H0000000000000007")]);
    for quotes in [[field(1, &answer("74.99")), field(1, &quote)].concat(), Vec::new()] {
        assert!(Answer::of(&[quotes, name.clone()].concat()).is_err());
    }
    // Behind the name of a hold a settlement is still a settlement.
    let behind = [message(&[(2, "H0000000000000007")]), quote].concat();
    assert!(matches!(Answer::of(&behind), Ok(Answer::Settlement(_))));
}

/// What a call of a stay says that it did.
fn booking(infno: &str, lines: &str, sum: &str) -> Vec<u8> {
    let mut texts = vec![(1, infno), (2, "H1"), (3, "m1"), (4, "V1")];
    texts.extend([(5, lines), (6, sum)].into_iter().filter(|(_, text)| !text.is_empty()));
    field(30, &message(&texts))
}

/// A line that came in, with its four parts.
fn taken(charge: &str, parts: [&str; 4]) -> Vec<u8> {
    let texts =
        [(1, "1"), (5, charge), (6, parts[0]), (7, parts[1]), (8, parts[2]), (9, parts[3]), (17, "listed")];
    let reason = field(18, &message(&[(1, "目录"), (2, "listed")]));
    field(1, &[message(&texts), reason].concat())
}

#[test]
fn a_call_of_a_stay_is_counted_and_added_up() {
    let whole = |parts: &[Vec<u8>]| Answer::of(&parts.concat());
    let is = |parts: &[Vec<u8>], infno: &str, lines: Option<usize>| {
        let Ok(Answer::Stay(stay)) = whole(parts) else { panic!("{infno}: {:?}", whole(parts)) };
        assert_eq!(
            [&*stay.infno, &stay.fixmedins_code, &stay.msgid, &stay.mdtrt_id],
            [infno, "H1", "m1", "V1"]
        );
        assert_eq!(stay.lines, lines);
    };
    let lines =
        [taken("60.00", ["10.00", "0.00", "5.00", "45.00"]), field(1, &message(&[(1, "2"), (5, "-20.00")]))];
    let upload =
        |parts: &[Vec<u8>], lines: &str, sum: &str| whole(&[parts.concat(), booking("2301", lines, sum)]);
    let warning = field(2, &message(&[(1, "提示"), (2, "a warning")]));
    is(&[message(&[(1, "V1")]), booking("2401", "", "")], "2401", None);
    is(&[booking("2402", "", "")], "2402", None);
    is(&[booking("2302", "0", "")], "2302", Some(0));
    is(&[lines.concat(), warning.clone(), booking("2301", "2", "40.00")], "2301", Some(2));
    is(&[warning, message(&[(3, "2")]), booking("2301", "2", "40.00")], "2301", Some(2));

    assert!(matches!(upload(&lines, "2", "40.01"), Err(AnswerError::Mismatch(_))));
    let wrong = taken("60.00", ["10.00", "0.00", "5.00", "45.01"]);
    assert!(matches!(upload(&[wrong], "1", "60.00"), Err(AnswerError::Mismatch(_))));
    assert_eq!(upload(&lines, "3", "40.00"), Err(AnswerError::NotASettlement));
    assert_eq!(upload(&[message(&[(3, "2")])], "3", "40.00"), Err(AnswerError::NotASettlement));
    for parts in [
        vec![message(&[(1, "V2")]), booking("2401", "", "")],
        vec![booking("2402", "1", "")],
        vec![booking("2302", "-9x", "")],
        vec![booking("2302", "01", "")],
        vec![booking("2304", "", "")],
        vec![booking("2402", "", ""), booking("2402", "", "")],
        vec![field(30, &message(&[(1, "2402"), (2, "H1"), (3, "m\u{202e}1"), (4, "V1")]))],
        vec![field(30, &message(&[(1, "2402"), (2, "H1"), (3, "m1")]))],
    ] {
        assert_eq!(whole(&parts), Err(AnswerError::NotASettlement), "{parts:?}");
    }
}

/// Whatever a hospital would read as a settlement, a promise or a mirror is not taken for a call of a stay.
#[test]
fn no_money_hides_behind_a_call_of_a_stay() {
    let settlement = answer("9999.00");
    for (lines, sum) in [("", ""), ("1", ""), ("1", "150.00"), ("1", "0.00"), ("0", "0.00")] {
        for infno in ["2301", "2302", "2401", "2402"] {
            let behind = booking(infno, lines, sum);
            for before in [
                field(1, &settlement),
                field(2, &settlement),
                [message(&[(1, "undone")]), field(2, &settlement)].concat(),
                [message(&[(1, "tombstone")]), field(2, &settlement)].concat(),
                [field(1, &settlement), message(&[(2, "H0000000000000007")])].concat(),
                settlement.clone(),
            ] {
                let read = Answer::of(&[before, behind.clone()].concat());
                assert!(read.is_err(), "{infno} {lines} {sum}: {read:?}");
            }
        }
    }
    // With a booking behind it a settlement that is right is a settlement.
    let right = [answer("75.00"), booking("2402", "", "")].concat();
    assert!(matches!(Answer::of(&right), Ok(Answer::Settlement(_))));
}

/// 100.00 borne 60.00 by a policy and 40.00 in cash, now 80.00 borne 30.00 and 50.00.
fn correction(cash_now: &str, total_cash: &str) -> Vec<u8> {
    let accounts = [
        message(&[(1, "payer:P"), (2, "60.00"), (3, "30.00"), (4, "-30.00")]),
        message(&[(1, "cash"), (2, "40.00"), (3, cash_now), (4, "10.00")]),
    ];
    let totals = [accounts[0].clone(), message(&[(1, "cash"), (2, "40.00"), (3, total_cash), (4, "10.00")])];
    let named = [(1, "S0000000000000002"), (2, "2"), (5, "100.00"), (6, "80.00")];
    let mut version = message(&named);
    accounts.iter().for_each(|it| version.extend(field(7, it)));
    version.extend(field(8, &[9; 32]));
    let head = [(1, "S0000000000000005"), (2, "2026-03-02 09:00:00"), (3, "S0000000000000002"), (5, "0")];
    let mut bytes = [message(&head), field(4, &version)].concat();
    totals.iter().for_each(|it| bytes.extend(field(6, it)));
    bytes
}

#[test]
fn a_correction_is_added_up() {
    let Ok(Answer::Correction(corrected)) = Answer::of(&correction("50.00", "50.00")) else {
        panic!("it is one")
    };
    assert_eq!((corrected.setl_id.as_str(), corrected.changed.len()), ("S0000000000000002", 1));
    let changed = &corrected.changed[0];
    assert_eq!(
        (changed.old_medfee_sumamt.to_string(), changed.new_medfee_sumamt.to_string()),
        ("100.00".to_owned(), "80.00".to_owned())
    );
    assert_eq!(changed.settlement_sha256, [9; 32]);
    for (now, total, what) in [
        ("50.01", "50.00", "a difference of corrected settlement 1: 50.00 is not 50.01"),
        ("50.00", "51.00", "the totals over all corrected settlements: 50.00 is not 51.00"),
    ] {
        assert_eq!(Answer::of(&correction(now, total)).unwrap_err().to_string(), what);
    }
    // Other messages of these fields, and one whose fields readers would merge.
    let twice = [correction("50.00", "50.00"), correction("50.00", "50.00")].concat();
    for bytes in [twice, message(&[(1, "MDT20260301000042")]), message(&[(1, "S0000000000000005")])] {
        assert_eq!(Answer::of(&bytes), Err(AnswerError::NotASettlement));
    }
}

#[test]
fn a_settlement_that_is_off_by_a_fen_is_named() {
    let receipt = receipt(answer("75.01"), leaf_hash(b"first"), 2, MORNING);
    let wrong = receipt.verify(&key().public()).unwrap_err().to_string();
    assert_eq!(wrong, "the settlement does not add up: `psn_cash_pay` over the lines: 75.01 is not 75.00");
    assert!(add_up(&answer("75.0.0")).is_err() && add_up(&answer("7500000000000000000000")).is_err());
    assert!(add_up(&answer("-75.00")).is_err() && add_up(&answer("75.001")).is_err());
    assert!(add_up(b"no message").is_err());
}

#[test]
fn a_later_receipt_shows_whether_history_stands() {
    let public = key().public();
    let first = leaf_hash(b"first");
    let earlier = receipt(answer("75.00"), first, 2, MORNING);
    let mut later = receipt(answer("75.00"), first, 3, EVENING);
    assert_eq!(earlier.continued_by(&later, &public), Ok(Continued::NoProof));
    later.consistency = Some((2, vec![leaf_hash(b"third")]));
    assert_eq!(earlier.continued_by(&later, &public), Ok(Continued::Proved));
    assert_eq!(earlier.continued_by(&earlier, &public), Ok(Continued::Proved));
    assert_eq!(later.continued_by(&earlier, &public), Ok(Continued::OtherOrder));
    // taken back to two records, and answered from there in the evening
    let shrunk = receipt(answer("75.00"), first, 2, EVENING);
    let longer = receipt(answer("75.00"), first, 3, MORNING);
    let rolled_back = |why| Ok(Continued::RolledBack(why));
    assert_eq!(longer.continued_by(&shrunk, &public), rolled_back(RollBack::Shrunk));
    // the record before ours was replaced
    let replaced = receipt(answer("75.00"), leaf_hash(b"another"), 2, EVENING);
    assert_eq!(earlier.continued_by(&replaced, &public), rolled_back(RollBack::OtherRoot));
    // ours was
    let mut other = answer("75.00");
    other.extend(message(&[(7, "2026")]));
    let other = receipt(other, first, 2, EVENING);
    assert_eq!(earlier.continued_by(&other, &public), rolled_back(RollBack::OtherRecord));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), note in "\\PC{0,80}(\n\n\u{2014} a [A-Za-z0-9+/=]{0,12}\n)?") {
        let _ = add_up(&bytes);
        let _ = Receipt::from_json(&bytes);
        let _ = note.parse::<PublicKey>();
        let _ = key().public().open(&note);
    }
}
