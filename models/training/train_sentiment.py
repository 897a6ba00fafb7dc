#!/usr/bin/env python3
"""Train the shipped sentiment network on the Stanford Sentiment Treebank and export it to ONNX.

    python train_sentiment.py --sst DIR --out ../sentiment.onnx

DIR holds the trees: `train.txt`, `dev.txt`, `test.txt`, one sentence a line, `(3 (2 The) (4 ...))`. The exported
network takes int64 [T], the ids of a sentence's words, and returns logits [1, 5], very negative to very positive.
Its metadata hold the vocabulary, the labels and the name of the tokeniser, which is `tokenise` below.
"""

import argparse
import copy
import re
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from torch import nn

LABELS = ["very negative", "negative", "neutral", "positive", "very positive"]
MAX_TOKENS = 64  # the longest sentence of the treebank has 56
WIDTH = 60  # of the embedding and, in each direction, of the LSTM

TEACHER_WIDTH = 100
BATCH = 64
RATE = 4e-3
SENTENCE_WEIGHT = 4  # a whole sentence counts as much as four phrases
WORD_DROPOUT, OUTPUT_DROPOUT = 0.05, 0.5
# Of the embedding and of the recurrent weights. What teachers say is smoother than labels and harder to learn by
# heart, so who learns from them needs less.
TEACHER_DROPOUT, DROPOUT = (0.5, 0.4), (0.2, 0.1)

# ---------------------------------------------------------------- tokeniser

# `ptb-lower`: what a person types becomes the tokens of the treebank. Everything works on bytes, and bytes outside
# ASCII are letters. sentiment.md states the same rules in words.

# Marks that are tokens wherever they stand. A comma or a colon is none between two digits: 10,000 and 3:30.
MARKS = re.compile(rb"-{2,}|\.{2,}|\*+|``|''|[!?;\"()\[\]$#%`]|(?<![0-9])[,:]|[,:](?![0-9])")
ABBREVIATIONS = {b"mr", b"mrs", b"ms", b"dr", b"st", b"jr", b"sr", b"vs", b"etc", b"bros", b"inc", b"co", b"sept"}
INITIALS = re.compile(rb"(?:[a-z]\.)+")
ENDINGS = [b"n't", b"'s", b"'re", b"'ve", b"'ll", b"'d", b"'m"]
CLIPPED = {b"'em", b"'n", b"'til"}


def cut_length(word):
    """How many bytes at the end of a word are a token of their own: a quote, a full stop, a contraction."""
    if word.endswith(b"'") and len(word) > 1:
        return 1
    if word.endswith(b".") and len(word) > 1:
        return 0 if word[:-1] in ABBREVIATIONS or INITIALS.fullmatch(word) else 1
    return next((len(end) for end in ENDINGS if word.endswith(end) and len(word) > len(end)), 0)


def split_word(word):
    """The tokens of what stands between two marks."""
    head, tail = [], []
    whole = word in ENDINGS or word in CLIPPED or word[1:2].isdigit()  # 's, 'em, '70s
    if word.startswith(b"'") and len(word) > 1 and not whole:
        head, word = [b"`"], word[1:]
    while cut := cut_length(word):
        word, tail = word[:-cut], [word[-cut:], *tail]
    return head + ([b"can", b"not"] if word == b"cannot" else [word]) + tail


def tokenise(text):
    tokens, quoted = [], False
    for chunk in text.encode().lower().split():  # bytes.lower and bytes.split know ASCII only
        chunk = chunk.replace(rb"\/", b"/").replace(rb"\*", b"*")
        at = 0
        for mark in MARKS.finditer(chunk):
            if mark.start() > at:
                tokens += split_word(chunk[at : mark.start()])
            at, mark = mark.end(), mark.group()
            if mark == b'"':
                mark, quoted = (b"''" if quoted else b"``"), not quoted
            elif mark[:1] in b".-":
                mark = mark[:1] * (3 if mark[:1] == b"." else 2)
            tokens.append({b"(": b"-lrb-", b"[": b"-lrb-", b")": b"-rrb-", b"]": b"-rrb-"}.get(mark, mark))
        if at < len(chunk):
            tokens += split_word(chunk[at:])
    return [token.replace(b"/", rb"\/").replace(b"*", rb"\*").decode() for token in tokens]


def lower(token):
    return token.encode().lower().decode()


# ---------------------------------------------------------------- data


def read_trees(path):
    """For each sentence its tokens, lower-cased, and its phrases as (first token, end, label), the root last."""
    trees = []
    for line in path.read_bytes().decode().split("\n"):
        tokens, phrases, open_ = [], [], []
        for part in re.findall(r"[()]|[^ ()\r]+", line):
            if part == "(":
                open_.append([len(tokens)])
            elif part == ")":
                start, label = open_.pop()
                phrases.append((start, len(tokens), label))
            elif len(open_[-1]) == 1:
                open_[-1].append(int(part))
            else:
                tokens.append(lower(part))
        if tokens:
            trees.append((tokens, phrases))
    return trees


def choose_words(trees):
    """The words to know, and how often each occurs: those seen twice, and those seen once but not neutral."""
    count = Counter(word for tokens, _ in trees for word in tokens)
    coloured = {tokens[a] for tokens, phrases in trees for a, b, label in phrases if b == a + 1 and label != 2}
    words = ["<unk>"] + sorted(word for word in count if count[word] > 1 or word in coloured)
    return words, torch.tensor([0] + [count[word] for word in words[1:]])


class Phrases:
    """Every distinct phrase of the trees once: its words, the share of each label, whether it is a sentence.

    They are kept by length: a batch is of one length, so nothing is ever padded.
    """

    def __init__(self, trees, ids):
        votes, sentences = defaultdict(lambda: np.zeros(5, np.float32)), set()
        for tokens, phrases in trees:
            for start, end, label in phrases:
                votes[tuple(tokens[start:end])][label] += 1
            sentences.add(tuple(tokens))
        phrases = sorted(votes, key=lambda phrase: (len(phrase), phrase))
        self.labels = torch.from_numpy(np.stack([votes[phrase] / votes[phrase].sum() for phrase in phrases]))
        self.is_sentence = torch.tensor([phrase in sentences for phrase in phrases])
        rows = defaultdict(list)
        for row, phrase in enumerate(phrases):
            rows[len(phrase)].append(row)
        self.rows = [torch.tensor(row) for row in rows.values()]
        self.words = [torch.tensor([[ids.get(w, 0) for w in phrases[r]] for r in row]) for row in rows.values()]

    def batches(self, size):
        """(rows, words) in random order."""
        parts = [(i, part) for i, row in enumerate(self.rows) for part in torch.randperm(len(row)).split(size)]
        for k in torch.randperm(len(parts)).tolist():
            i, part = parts[k]
            yield self.rows[i][part], self.words[i][part]


# ---------------------------------------------------------------- network


class Net(nn.Module):
    """Embedding, bidirectional LSTM, dense, on the last state of both directions."""

    def __init__(self, count, width, dropout):
        super().__init__()
        self.width, self.dropout = width, dropout
        self.embedding = nn.Parameter(0.1 * torch.randn(len(count), width))
        self.lstm = nn.LSTM(width, width, bidirectional=True)
        self.dense = nn.Linear(2 * width, 5)
        # A rare word is hidden more often: that is what teaches <unk>, and a word seen once is not to be trusted.
        self.hidden_share = WORD_DROPOUT + 0.25 / (0.25 + count)
        with torch.no_grad():
            for name, p in self.lstm.named_parameters():
                if "weight_hh" in name:
                    for gate in p.split(width):
                        nn.init.orthogonal_(gate)
                elif "bias" in name:
                    p.zero_()
                    if "bias_hh" in name:
                        p.requires_grad_(False)  # of the two biases that PyTorch adds, ONNX needs one
                    else:
                        p[width : 2 * width] = 1  # forget gate

    def forward(self, words):
        """Logits [N, 5] of words [N, T]."""
        n = len(words)
        if not self.training:
            _, (h, _) = self.lstm(self.embedding[words.t()])
            return self.dense(torch.cat([h[0], h[1]], 1))
        words = words.masked_fill(torch.rand(words.shape) < self.hidden_share[words], 0)
        x = self.embedding[words.t()]
        x = x * F.dropout(torch.ones(1, n, self.width), self.dropout[0])  # the same for every word of a phrase
        weights = [
            F.dropout(p, self.dropout[1]) if "weight_hh" in name else p for name, p in self.lstm.named_parameters()
        ]
        zero = torch.zeros(2, n, self.width)
        _, h, _ = torch._VF.lstm(x, (zero, zero), weights, True, 1, 0.0, True, True, False)
        return self.dense(F.dropout(torch.cat([h[0], h[1]], 1), OUTPUT_DROPOUT))


# ---------------------------------------------------------------- training


def probabilities(net, phrases):
    """What a network says of every phrase."""
    result = torch.zeros_like(phrases.labels)
    net.eval()
    with torch.no_grad():
        for rows, words in zip(phrases.rows, phrases.words):
            for r, w in zip(rows.split(512), words.split(512)):
                result[r] = net(w).softmax(1)
    return result


def sides(logits_or_logs):
    """Log odds of positive over negative."""
    return torch.logsumexp(logits_or_logs[:, 3:], 1) - torch.logsumexp(logits_or_logs[:, :2], 1)


def cross_entropy(logits, target):
    """Of the five labels, plus that of positive against negative, which leaves the neutral share out."""
    five = -(target * F.log_softmax(logits, 1)).sum(1)
    odds = sides(logits)
    return five + target[:, 3:].sum(1) * F.softplus(-odds) + target[:, :2].sum(1) * F.softplus(odds)


def scores(logits, gold):
    """Share of sentences right: positive or negative (neutral ones left out), and of the five labels."""
    sided = gold != 2
    two = ((sides(logits) > 0) == (gold > 2))[sided].float().mean().item()
    return two, (logits.argmax(1) == gold).float().mean().item()


def judge(net, ids, trees):
    net.eval()
    with torch.no_grad():
        logits = torch.cat([net(torch.tensor([[ids.get(w, 0) for w in tokens]])) for tokens, _ in trees])
    return scores(logits, torch.tensor([phrases[-1][2] for _, phrases in trees]))


def train(name, net, phrases, target, epochs, report):
    """Train a network towards `target` and return the running mean of its weights."""
    mean = copy.deepcopy(net)
    weight = 1 + (SENTENCE_WEIGHT - 1) * phrases.is_sentence
    trained = [p for p in net.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": 0.01},
        {"params": [p for p in trained if p.dim() == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, fused=True)
    steps = sum(-(-len(rows) // BATCH) for rows in phrases.rows)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, epochs * steps, pct_start=0.1)
    for epoch in range(epochs):
        total = 0.0
        for step, (rows, words) in enumerate(phrases.batches(BATCH)):
            net.train()
            loss = (cross_entropy(net(words), target[rows]) * weight[rows]).sum() / BATCH
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(trained, 5.0)
            optimizer.step()
            schedule.step()
            total += loss.item() / steps
            if step % 5 == 0:
                with torch.no_grad():
                    keep = min(0.99, step / (step + 10)) if epoch == 0 else 0.99
                    torch._foreach_lerp_(list(mean.parameters()), list(net.parameters()), 1 - keep)
        two, five = report(mean)
        print(f"{name}  epoch {epoch + 1:2}  loss {total:.4f}  dev {two:.4f}, of five {five:.4f}", flush=True)
    return mean


# ---------------------------------------------------------------- export


def to_int8(table):
    """The table in steps of one scale, symmetric, no step of it clipped."""
    scale = np.float32(np.abs(table).max() / 127)
    return np.clip(np.rint(table / scale), -127, 127).astype(np.int8), scale


def onnx_lstm(lstm):
    """W, R, B as ONNX has them: directions stacked, gates input, output, forget, cell."""
    stacked = {"weight_ih": [], "weight_hh": [], "bias_ih": []}
    for back in ["", "_reverse"]:
        for name, both in stacked.items():
            i, f, g, o = np.split(getattr(lstm, f"{name}_l0{back}").detach().numpy(), 4)
            both.append(np.concatenate([i, o, f, g]))
    w, r, b = (np.stack(both) for both in stacked.values())
    return w, r, np.concatenate([b, np.zeros_like(b)], 1)


def export(net, words, path):
    """Write ONNX in which a node and its output tensor carry the name of the step."""
    table, scale = to_int8(net.embedding.detach().numpy())
    w, r, b = onnx_lstm(net.lstm)
    constants = {
        "embedding.table": table,
        "embedding.scale": scale,
        "embedding.zero_point": np.int8(0),
        "sequence.shape": np.array([-1, 1, WIDTH]),
        "lstm.w": w,
        "lstm.r": r,
        "lstm.b": b,
        "forward.index": np.int64(0),
        "backward.index": np.int64(1),
        "logits.weight": net.dense.weight.detach().numpy(),
        "logits.bias": net.dense.bias.detach().numpy(),
    }
    node = lambda kind, inputs, name, output=None, **kw: helper.make_node(kind, inputs, output or [name], name, **kw)
    nodes = [
        node("Gather", ["embedding.table", "tokens"], "embedding", axis=0),
        node("DequantizeLinear", ["embedding", "embedding.scale", "embedding.zero_point"], "dequantize"),
        node("Reshape", ["dequantize", "sequence.shape"], "sequence"),
        node("LSTM", ["sequence", "lstm.w", "lstm.r", "lstm.b"], "lstm", ["", "lstm"],
             direction="bidirectional", hidden_size=WIDTH),
        node("Gather", ["lstm", "forward.index"], "forward", axis=0),  # after the last word
        node("Gather", ["lstm", "backward.index"], "backward", axis=0),  # after the first word
        node("Concat", ["forward", "backward"], "concat", axis=1),
        node("Gemm", ["concat", "logits.weight", "logits.bias"], "logits", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info("tokens", TensorProto.INT64, ["T"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 5])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="relprop")
    helper.set_model_props(model, {
        "labels": "\n".join(LABELS),
        "vocabulary": "\n".join(words),
        "tokeniser": "ptb-lower",
        "max_tokens": str(MAX_TOKENS),
    })
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


class Exported:
    """The file, from text to logits, as its users run it."""

    def __init__(self, path):
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        properties = self.session.get_modelmeta().custom_metadata_map
        self.ids = {word: i for i, word in enumerate(properties["vocabulary"].split("\n"))}

    def __call__(self, text):
        tokens = np.array([self.ids.get(word, 0) for word in tokenise(text)], np.int64)
        return self.session.run(None, {"tokens": tokens})[0]

    def judge(self, trees):
        logits = np.concatenate([self(" ".join(tokens)) for tokens, _ in trees])
        return scores(torch.from_numpy(logits), torch.tensor([phrases[-1][2] for _, phrases in trees]))


def round_trip(trees):
    """The share of sentences that the tokeniser leaves as they are."""
    return sum(tokenise(" ".join(tokens)) == tokens for tokens, _ in trees) / len(trees)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sst", type=Path, required=True, metavar="DIR", help="folder of train.txt, dev.txt, test.txt")
    parser.add_argument("--out", type=Path, required=True, metavar="PATH.onnx")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--teachers", type=int, default=6)
    parser.add_argument("--teacher-epochs", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--dev-only", action="store_true", help="to compare recipes: leave the test sentences alone")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # the order of sums, and so the weights, would depend on the number of cores

    trees, dev = read_trees(args.sst / "train.txt"), read_trees(args.sst / "dev.txt")
    words, count = choose_words(trees)
    ids = {word: i for i, word in enumerate(words)}
    phrases = Phrases(trees, ids)
    print(f"{len(trees)} sentences, {len(phrases.labels)} distinct phrases, {len(words)} words")
    print(f"the tokeniser keeps {round_trip(trees + dev):.4f} of the sentences as they are")
    report = lambda net: judge(net, ids, dev)

    opinion = torch.zeros_like(phrases.labels)
    for k in range(args.teachers):
        teacher = Net(count, TEACHER_WIDTH, TEACHER_DROPOUT)
        teacher = train(f"teacher {k + 1}", teacher, phrases, phrases.labels, args.teacher_epochs, report)
        opinion += probabilities(teacher, phrases) / args.teachers
    target = opinion if args.teachers else phrases.labels
    net = train("network", Net(count, WIDTH, DROPOUT), phrases, target, args.epochs, report)

    export(net, words, args.out)
    exported = Exported(args.out)
    print("                 of two  of five")
    for name, part in [("dev", dev)] + ([] if args.dev_only else [("test", read_trees(args.sst / "test.txt"))]):
        print(f"{name:4}  float     {'%.4f   %.4f' % judge(net, ids, part)}")
        print(f"{name:4}  exported  {'%.4f   %.4f' % exported.judge(part)}")


if __name__ == "__main__":
    main()
