//! Text on the command line.

mod common;

use common::relprop;
use serde_json::Value;

const MODEL: &str = "models/sentiment.rlp";

fn output(args: &[&str], input: &[u8]) -> (String, String, i32) {
    let run = relprop().args(args).write_stdin(input).assert();
    let run = run.get_output();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&run.stdout), text(&run.stderr), run.status.code().unwrap())
}

#[test]
fn a_sentence_is_explained_word_by_word() {
    let (text, notes, code) = output(&["explain", MODEL, "--text", "Neither funny nor zzyzx."], b"");
    assert_eq!((code, notes.as_str()), (0, ""));
    let row = |word: &str| {
        let line =
            text.lines().find(|line| line.trim_start().starts_with(word)).unwrap_or_else(|| panic!("{word}: {text}"));
        line.trim_start().strip_prefix(word).unwrap().split_whitespace().next().unwrap().parse::<f32>().unwrap()
    };
    assert!(text.contains("reads \"Neither funny nor zzyzx.\" as negative"), "{text}");
    assert!(row("neither") > 0.5 && row("funny ") < -0.1 && row("nor ") > 0.5, "{text}");
    assert!(row("zzyzx (unknown)").abs() < 1.0);
    // In colour the sentence stands above its words.
    let (text, ..) = output(&["explain", MODEL, "--text", "so good", "--color", "always"], b"");
    assert!(text.contains("\u{1b}[") && text.contains("good\u{1b}[0m"), "{text}");
}

#[test]
fn machines_get_words_with_their_places() {
    let text = "It's  good.";
    let (json, ..) = output(&["explain", MODEL, "--text", text, "--json", "--target", "positive"], b"");
    let report: Value = serde_json::from_str(&json).unwrap();
    let item = &report["items"][0];
    assert_eq!(item["class"], 3);
    let words = item["words"].as_array().unwrap();
    let spelt: Vec<&str> = words.iter().map(|word| word["word"].as_str().unwrap()).collect();
    assert_eq!(spelt, ["it", "'s", "good", "."]);
    let place = |i: usize, end: &str| words[i][end].as_u64().unwrap() as usize;
    assert_eq!(&text[place(1, "start")..place(1, "end")], "'s");
    assert_eq!(&text[place(2, "start")..place(2, "end")], "good");
    let sum: f64 = words.iter().map(|word| word["relevance"].as_f64().unwrap()).sum();
    assert!((sum - item["relevance_sum"].as_f64().unwrap()).abs() < 1e-5);
}

#[test]
fn lines_of_standard_input_are_texts() {
    let (text, notes, code) =
        output(&["explain", MODEL, "--text", "-"], b"A superb film.\r\n\nA dull, lifeless mess!\n");
    assert_eq!((code, notes.as_str()), (0, ""));
    for part in ["reads 2 texts", "very positive", "negative", "for: superb (", "A dull, lifeless mess!"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn texts_that_cannot_be_read_get_a_sentence_each() {
    let long = "good ".repeat(70);
    for (args, input, code, expected) in [
        (&["--text", ""][..], &b""[..], 1, "the text has no words"),
        (&["--text", " \t"], b"", 1, "the text has no words"),
        (&["--text", &long], b"", 1, "the text has 70 words and marks, the network takes 64 at most"),
        (&["--text", &long, "--truncate"], b"", 0, "only the first 64 of 70 words are read"),
        (&["--text", "xyzzy quux"], b"", 0, "knows none of these words"),
        (&["--text", "-"], b"A fine film.\n\xff\n", 1, "line 2 of standard input is not UTF-8"),
        (&["--text", "-"], b"\n \n", 2, "there is no text on standard input"),
        (&["--text", "-"], b"fine\n.\n\xe2\x80\x99\n", 0, ""),
        (&[], b"", 2, "this network reads text"),
        (&["--text", "a", "--composite", "occlusion"], b"", 2, "occlusion works on numbers"),
        (&["--text", "a", "--png", "p.png"], b"", 2, "not a picture"),
    ] {
        let (_, message, seen) = output(&[&["explain", MODEL], args].concat(), input);
        assert!(seen == code && message.contains(expected), "{args:?}: {seen} {message}");
    }
    let quantize = ["quantize", MODEL, "--calibrate", "x.npy", "-o", "q.rlp"];
    let (_, message, code) = output(&quantize, b"");
    assert!(code == 1 && message.contains("sequences of any length, which is not supported yet"), "{message}");
    let (_, message, code) = output(&["explain", "models/mnist-tiny.rlp", "--text", "a"], b"");
    assert!(code == 2 && message.contains("reads no text"), "{message}");
}

#[test]
fn words_are_deleted_from_the_treebank() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trees.txt");
    let leaves = |text: &str, label: usize| {
        let words: Vec<String> = text.split(' ').map(|word| format!("(2 {word})")).collect();
        let open = words[..words.len() - 1].iter().map(|word| format!("(2 {word} ")).collect::<Vec<_>>().concat();
        format!("({label} {open}{}{})\n", words[words.len() - 1], ")".repeat(words.len() - 1))
    };
    let trees = leaves("A superb , moving film with a truly wonderful ending .", 4)
        + &leaves("A dull , lifeless , predictable and awful mess of a movie .", 0)
        + &leaves("A superb film", 0);
    std::fs::write(&path, trees).unwrap();
    let (json, message, code) = output(&["eval", MODEL, "--sst", path.to_str().unwrap(), "--json"], b"");
    assert_eq!(code, 0, "{message}");
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&report["sentences"], &report["polar_correct"], &report["polar_sentences"]),
        (&3.into(), &2.into(), &3.into())
    );
    let curves = report["curves"].as_array().unwrap();
    let last = |deleted: &str| {
        let curve = curves.iter().find(|curve| curve["read"] == "correctly" && curve["deleted"] == deleted).unwrap();
        curve["accuracy"].as_array().unwrap().last().unwrap().as_f64().unwrap()
    };
    assert!(last("most relevant") < last("least relevant"), "{json}");
    std::fs::write(&path, "(3 (2 A)\n").unwrap();
    let (_, message, code) = output(&["eval", MODEL, "--sst", path.to_str().unwrap()], b"");
    assert!(code == 1 && message.contains("line 1: no tree such as"), "{message}");
}
