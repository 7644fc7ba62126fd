"""Twins of the programs for sequences, of the one that makes samples and of the search; each returns the line that its program ends with.
See networks.py."""
import calendar, math, pathlib, re

import torch
from torch import nn
from torch.nn import functional as F

from twins import TOP, accuracy, cosine, digits, fit, layers, parts


def adding(epochs=20, length=100):
    result = []
    for kind in nn.RNN, nn.LSTM, nn.GRU:
        memory, out = kind(2, 32, batch_first=True), nn.Linear(32, 1)
        parameters = [*memory.parameters(), *out.parameters()]
        adam = torch.optim.Adam(parameters, 5e-3)
        for _ in range(epochs):
            error = 0
            for _ in range(100):
                numbers = torch.rand(64, length)
                marks = sum(F.one_hot(torch.randint(*half, (64,)), length) for half in ((length // 2,), (length // 2, length)))
                said = out(memory(torch.stack([numbers, marks], 2))[0][:, -1])
                loss = F.mse_loss(said, (numbers * marks).sum(1, keepdim=True))
                adam.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(parameters, 1)
                adam.step()
                error += loss.item() / 100
        result.append(error)
    return "squared error: RNN {:.4f}, LSTM {:.4f}, GRU {:.4f}; by guessing 0.1667".format(*result)


class CharLSTM(nn.Module):
    def __init__(self, tokens):
        super().__init__()
        self.embedding, self.lstm, self.out = nn.Embedding(tokens, 32), nn.LSTM(32, 96, batch_first=True), nn.Linear(96, tokens)

    def forward(self, x):
        return self.out(self.lstm(self.embedding(x))[0])


def char_lstm(epochs=25, length=48, stride=7):
    text = pathlib.Path("/usr/share/common-licenses/GPL-3").read_text()
    number = {c: i for i, c in enumerate(sorted(set(text)))}
    windows = torch.tensor([number[c] for c in text]).unfold(0, length + 1, stride)
    x, y = windows[:, :-1], windows[:, 1:]
    net = CharLSTM(len(number))
    fit(net, clipped(torch.optim.Adam(net.parameters(), 1e-2)), x, y, epochs, loss=next_loss, batch=16)
    return f"{bits_of(net, x, y):.4f} bits for a character of what it has read"


def next_loss(logits, after):
    return F.cross_entropy(logits.flatten(0, 1), after.flatten())


def clipped(optimizer):
    parameters = optimizer.param_groups[0]["params"]
    optimizer.register_step_pre_hook(lambda *_: (nn.utils.clip_grad_norm_(parameters, 1), None)[1])
    return optimizer


def bits_of(net, x, y):
    with torch.no_grad():
        return sum(next_loss(net(a), b).item() * len(a) for a, b in zip(x.split(64), y.split(64))) / len(x) / math.log(2)


SEEN, WRITTEN = 18, 11  # characters of a text, and of what it shall become


def words(n):
    """As a program's characters: each of both ends in blanks, and the second begins with one."""
    for _ in range(n):
        word = "".join(chr(97 + int(c)) for c in torch.randint(26, (int(torch.randint(4, WRITTEN, ())),)))
        yield f"{word:{SEEN}} {word[::-1]:{WRITTEN}}"


def dates(n):
    for _ in range(n):
        y, m, d, way = (int(torch.randint(*ends, ())) for ends in ((1950, 2050), (1, 13), (1, 29), (0, 6)))
        name, short = calendar.month_name[m], calendar.month_abbr[m]
        said = (f"{d:02} {name} {y}", f"{name} {d:02}, {y}", f"{d:02}/{m:02}/{y % 100:02}", f"{d:02}.{m:02}.{y}",
                f"{short} {d:02} {y % 100:02}", f"{y}/{m:02}/{d:02}")[way]
        yield f"{said:{SEEN}} {y}-{m:02}-{d:02} "


class Translator(nn.Module):
    def __init__(self, characters, width=64):
        super().__init__()
        self.embedding = nn.Embedding(characters, width // 2)
        self.encoder = nn.GRU(width // 2, width // 2, batch_first=True, bidirectional=True)
        self.decoder = nn.GRU(width // 2, width, batch_first=True)
        self.attention = nn.MultiheadAttention(width, 1, batch_first=True)
        self.out = nn.Sequential(nn.Linear(2 * width, width), nn.Tanh(), nn.Linear(width, characters))

    def forward(self, text, written):
        read, state = self.encoder(self.embedding(text))[0], self.decoder(self.embedding(written))[0]
        return self.out(torch.cat([state, self.attention(state, read, read)[0]], 2))


def seq2seq(epochs=6, test=500):
    result = []
    for rows in map(list, (words(10000 + test), dates(10000 + test))):
        characters = sorted(set("".join(rows)))
        tokens = torch.tensor([[characters.index(c) for c in row] for row in rows])
        text, before, after = tokens[:, :SEEN], tokens[:, SEEN:-1], tokens[:, SEEN + 1:]
        net = Translator(len(characters))
        adam = torch.optim.Adam(net.parameters(), 5e-3)
        schedule = cosine(adam, rows[test:], epochs)
        for _ in range(epochs):
            for i in torch.randperm(len(rows) - test).split(32):
                adam.zero_grad()
                F.cross_entropy(net(text[i], before[i]).flatten(0, 1), after[i].flatten()).backward()
                nn.utils.clip_grad_norm_(net.parameters(), 1)
                adam.step()
                schedule.step()
        with torch.no_grad():
            said = before[-test:, :1]
            for _ in range(WRITTEN):
                said = torch.cat([before[-test:, :1], net(text[-test:], said).argmax(2)], 1)
        result.append((said[:, 1:] == after[-test:]).all(1).double().mean())
    return "right as a whole: {:.4f} of the words, {:.4f} of the dates".format(*result)


class GPT(nn.Module):
    """GPT-2; its blocks are PyTorch's own, with the first weights and the dropout of the paper."""

    def __init__(self, tokens, steps, width=96, heads=4, blocks=3, dropout=0.1):
        super().__init__()
        self.wte, self.wpe, self.ln_f = nn.Embedding(tokens, width), nn.Embedding(steps, width), nn.LayerNorm(width)
        self.h = nn.ModuleList(nn.TransformerEncoderLayer(width, heads, 4 * width, dropout, lambda x: F.gelu(x, approximate="tanh"),
                                                          batch_first=True, norm_first=True) for _ in range(blocks))
        self.drop, self.mask = nn.Dropout(dropout), nn.Transformer.generate_square_subsequent_mask(steps)
        for block in self.h:
            block.dropout.p = 0.0  # GPT-2 has none between the two layers
        for name, p in self.named_parameters():
            if p.dim() > 1:
                nn.init.normal_(p, 0, 0.02 / (2 * blocks) ** 0.5 if re.search("out_proj|linear2", name) else 0.02)
            elif "bias" in name:
                nn.init.zeros_(p)

    def forward(self, x):
        x = self.drop(self.wte(x) + self.wpe.weight)
        for block in self.h:
            x = block(x, self.mask, is_causal=True)
        return F.linear(self.ln_f(x), self.wte.weight)


def gpt(epochs=12, steps=64):
    listed = re.search(r"licences\[\] = {(.*?)NULL", (TOP / "docs/examples/gpt.c").read_text(), re.S)[1]
    text = "".join((pathlib.Path("/usr/share/common-licenses") / name).read_text() for name in re.findall('"(.*?)"', listed))
    number = {c: i for i, c in enumerate(sorted(set(text)))}
    tokens, read = torch.tensor([number[c] for c in text]), len(text) * 9 // 10
    (x, y), (xt, yt) = ([part[a:a + (len(part) - 1) // steps * steps].view(-1, steps) for a in (0, 1)]
                        for part in (tokens[:read], tokens[read:]))
    net = GPT(len(number), steps)
    adam = clipped(torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=0.01))
    whole = epochs * ((len(x) + 15) // 16)
    schedule = torch.optim.lr_scheduler.LambdaLR(adam, lambda t: min((t + 1) / 20, 1) * (1 + math.cos(math.pi * t / whole)) / 2)
    fit(net, adam, x, y, epochs, loss=next_loss, scheduler=schedule, batch=16)
    return f"{sum(p.numel() for p in net.parameters())} parameters, {bits_of(net, xt, yt):.4f} bits for a character that it has not read"


def vae(epochs=30, hidden=2):
    x, _, _, _ = digits(0)
    x = (x + 1) / 2
    encoder, decoder = (nn.Sequential(nn.Linear(a, 64), nn.Tanh(), nn.Linear(64, b)) for a, b in ((64, 2 * hidden), (hidden, 64)))

    def bound(x):
        mean, log_variance = encoder(x).chunk(2, 1)
        told = F.binary_cross_entropy_with_logits(decoder(mean + (log_variance / 2).exp() * torch.randn_like(mean)), x, reduction="sum")
        return (told + (mean.square() + log_variance.exp() - log_variance - 1).sum() / 2) / len(x)

    adam = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 3e-3)
    for _ in range(epochs):
        for i in torch.randperm(len(x)).split(64):
            adam.zero_grad()
            bound(x[i]).backward()
            adam.step()
    with torch.no_grad():
        return f"negative bound of a digit: {bound(x):.2f} nats"


def gan(epochs=150):
    def network(a, hidden, b, dropout):
        made = []
        for size in a, hidden:
            made += [nn.Linear(size, hidden), nn.LeakyReLU(0.2), nn.Dropout(dropout)]
        return nn.Sequential(*made, nn.Linear(hidden, b))

    def make(n):
        return generator(torch.randn(n, 16)).tanh()

    def judged(x, target):
        return F.binary_cross_entropy_with_logits(critic(x), torch.full((len(x), 1), target))

    def ask(x):
        p = classifier(x).softmax(1)
        return p.amax(1).mean().item(), (-(p.mean(0) * (p.mean(0) + 1e-12).log()).sum()).exp().item()

    x, y, _, _ = digits(0)
    classifier, generator, critic = network(64, 64, 10, 0.2), network(16, 128, 64, 0), network(64, 128, 1, 0.3)
    fit(classifier, torch.optim.Adam(classifier.parameters(), 3e-3), x, y, 10, batch=64)
    of_generator, of_critic = (torch.optim.Adam(n.parameters(), 1e-3, (0.5, 0.999)) for n in (generator, critic))
    for _ in range(epochs):
        for i in torch.randperm(len(x)).split(64):
            of_critic.zero_grad()
            (judged(x[i], 0.9) + judged(make(len(i)).detach(), 0.)).backward()
            of_critic.step()
            of_generator.zero_grad()
            judged(make(64), 1.).backward()
            of_generator.step()
    with torch.no_grad():
        return "made: confidence {:.4f}, {:.2f} digits of 10; written: {:.4f}, {:.2f}".format(*ask(make(1000)), *ask(x))


RANGES = (1e-4, 1), (4, 256), (1e-6, 1e-1)  # learning rate, width, weight decay


def search(epochs=27, trials=9):
    x, y, xt, yt = digits()
    x, y, xv, yv = parts(x, y, 0.2)

    def train(trial, epochs):
        """Its loss on digits that it has not trained on; the accuracy on the others that it has not."""
        lr, width, decay = (low * (high / low) ** min(max(at, 0), 1) for (low, high), at in zip(RANGES, trial))
        net = nn.Sequential(*layers(64, round(width), 10, activation=nn.ReLU))
        fit(net, torch.optim.SGD(net.parameters(), lr, momentum=0.9, weight_decay=decay), x, y, epochs)
        with torch.no_grad():
            loss = F.cross_entropy(net(xv), yv).item()
        return loss if math.isfinite(loss) else math.inf, accuracy(net, xt, yt)

    def look(middle, share):
        alive, n = [[m + share * (torch.rand(()).item() - 0.5) for m in middle] for _ in range(trials)], trials
        while n >= 1:
            told = sorted((train(trial, epochs // n), trial) for trial in alive[:n])
            alive, n = [trial for _, trial in told], n // 3
        return told[0]

    coarse = look([0.5] * 3, 1)
    fine = look(coarse[1], 1 / 3)
    return "test accuracy {:.4f}; coarse {:.4f}, fine {:.4f}".format(min(coarse, fine)[0][1], coarse[0][0], fine[0][0])
