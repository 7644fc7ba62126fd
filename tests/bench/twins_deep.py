"""Twins of the programs with deep networks for images; each returns the line that its program ends with. See networks.py."""
import torch
from torch import nn
from torch.nn import functional as F

from twins import accuracy, cosine, digits, fashion, fit


def lengths(v):
    return ((v * v).sum(-1) + 1e-8).sqrt()


def squash(s):
    return s * lengths(s).unsqueeze(-1) / ((s * s).sum(-1, keepdim=True) + 1)


def moved(x, fill):
    """Each image by up to a pixel up or down and to a side, and some turned over."""
    side = x.shape[-1]
    wide = F.pad(x, (1, 1, 1, 1), value=fill)
    rows, columns = (torch.randint(3, (len(x), 1)) + torch.arange(side) for _ in range(2))
    x = wide[torch.arange(len(x)).view(-1, 1, 1), 0, rows.unsqueeze(2), columns.unsqueeze(1)].unsqueeze(1)
    return torch.where((torch.rand(len(x)) < 0.5).view(-1, 1, 1, 1), x.flip(3), x)


def small_cnn(epochs=12):
    class Moved(nn.Module):
        def forward(self, x):
            return moved(x, -0.81) if self.training else x

    made = [Moved()]
    for a, b in (1, 32), (32, 32), (32, 64), (64, 64):
        made += [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU()] + [nn.MaxPool2d(2)] * (a == b)
    net = nn.Sequential(*made, nn.Flatten(), nn.Linear(64 * 7 * 7, 256), nn.ReLU(), nn.Dropout(0.4), nn.Linear(256, 10))
    for m in net.modules():
        if isinstance(m, nn.Conv2d) or isinstance(m, nn.Linear) and m.out_features == 256:
            nn.init.kaiming_normal_(m.weight)
    x, y = fashion()
    adam = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.01)
    fit(net, adam, x, y, epochs, scheduler=cosine(adam, x, epochs, 64), batch=64)
    xt, yt = fashion("t10k")
    return f"test accuracy: {sum(accuracy(net, a, b) for a, b in zip(xt.split(500), yt.split(500))) * 500 / len(xt):.4f}"


def capsule(epochs=20):
    x, y, xt, yt = digits()
    x, xt = (images.view(-1, 1, 8, 8) for images in (x, xt))
    conv, primary = nn.Conv2d(1, 32, 3, padding=1), nn.Conv2d(32, 64, 4, 2)
    weight = nn.Parameter(0.1 * torch.randn(72, 8, 160))
    decoder = nn.Sequential(nn.Linear(160, 128), nn.ReLU(), nn.Linear(128, 64), nn.Tanh())

    def capsules(x):
        h = primary(conv(x).relu()).reshape(-1, 8, 8, 9).permute(1, 3, 0, 2).reshape(72, -1, 8)
        u = (squash(h) @ weight).view(72, -1, 10, 16).permute(1, 2, 0, 3)
        logits = torch.zeros(u.shape[:3]).unsqueeze(-1)
        for _ in range(3):
            v = squash((logits.softmax(1) * u).sum(2, keepdim=True))
            logits = logits + (u * v).sum(-1, keepdim=True)
        return v.view(-1, 10, 16)

    adam = torch.optim.Adam([weight, *conv.parameters(), *primary.parameters(), *decoder.parameters()], 3e-3)
    for _ in range(epochs):
        for i in torch.randperm(len(x)).split(32):
            v, there = capsules(x[i]), F.one_hot(y[i], 10).float()
            margin = there * (0.9 - lengths(v)).relu() ** 2 + 0.5 * (1 - there) * (lengths(v) - 0.1).relu() ** 2
            error = F.mse_loss(decoder((v * there.unsqueeze(-1)).flatten(1)), x[i].flatten(1))
            adam.zero_grad()
            (10 * margin.mean() + 0.0005 * 784 / 4 * error).backward()
            adam.step()
    with torch.no_grad():
        return f"test accuracy: {(lengths(capsules(xt)).argmax(1) == yt).double().mean():.4f}"


def transfer(epochs=20):
    def block(a, b):
        return nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)

    def build():
        return nn.Sequential(nn.Sequential(*block(1, 16), *block(16, 32), *block(32, 64), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
                             nn.Linear(64, 10))

    def resized(x):
        return F.interpolate(x, (16, 16), mode="bilinear")

    def learn(state, frozen, lr):
        net = build()
        if state:
            net[0].load_state_dict(state)
        if frozen:
            net[0].requires_grad_(False)
            net[0].eval()
            net[0].train = lambda mode=True: net[0]
        fit(net, torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr), x, y, epochs, batch=50)
        return accuracy(net, xt, yt)

    xt, yt, x, y = digits(500 / 1797)
    x, xt = (resized(images.view(-1, 1, 8, 8)) for images in (x, xt))
    clothes, labels = fashion()
    first = build()
    fit(first, torch.optim.Adam(first.parameters(), 2e-3), resized(clothes), labels, 2, batch=50)
    state = first[0].state_dict()
    return "test accuracy: frozen {:.4f}, fine-tuned {:.4f}, from scratch {:.4f}".format(
        learn(state, True, 1e-2), learn(state, False, 2e-3), learn(None, False, 2e-3))


def saliency(epochs=2):
    def block(a, b, stride):
        conv = nn.Conv2d(a, b, 3, stride, 1, bias=False)
        nn.init.kaiming_normal_(conv.weight)
        return conv, nn.BatchNorm2d(b), nn.ReLU()

    net = nn.Sequential(*block(1, 16, 2), *block(16, 32, 2), *block(32, 32, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
    fit(net, torch.optim.Adam(net.parameters(), 3e-3), *fashion(), epochs, batch=64)
    x, y = fashion("t10k")
    right, x, y = accuracy(net, x, y), x[:200].requires_grad_(), y[:200]
    level = ((x.max() - x.min()) / 255).item()
    along = torch.autograd.grad(F.cross_entropy(net(x), y), x)[0].sign()
    with torch.no_grad():
        moved = x
        for _ in range(24):
            moved = moved + level * along * (net(moved).argmax(1) == y).view(-1, 1, 1, 1)
        change = ((moved - x).abs().amax((1, 2, 3)) / level).mean()
    return f"test accuracy {right:.4f}; {1 - accuracy(net, moved, y):.4f} of 200 images misread after a change of {change:.1f} of 255 levels, on average"


class Segmenter(nn.Module):
    def __init__(self):
        super().__init__()

        def stage(kind, a, b):
            return nn.Sequential(kind(a, b, 4, 2, 1), nn.BatchNorm2d(b), nn.ReLU())

        self.parts = nn.ModuleList([stage(nn.Conv2d, 1, 32), stage(nn.Conv2d, 32, 64), stage(nn.Conv2d, 64, 96), nn.Linear(384, 8),
                                    stage(nn.ConvTranspose2d, 96, 64), stage(nn.ConvTranspose2d, 128, 32),
                                    nn.ConvTranspose2d(64, 11, 4, 2, 1)])

    def forward(self, x):
        down1, down2, down3, boxes, up3, up2, classes = self.parts
        a = down1(x)
        b = down2(a)
        c = down3(b)
        return classes(torch.cat([up2(torch.cat([up3(c), b], 1)), a], 1)), boxes(c.flatten(1))


def canvases(x, y, n):
    """Two digits on each: the ink, the class of each pixel, and the boxes of both."""
    ink, classes, boxes = torch.zeros(n, 1, 16, 16), torch.zeros(n, 16, 16).long(), torch.zeros(n, 2, 4)
    for i in range(n):
        for k in range(2):
            which, left, top = (int(torch.randint(most, ())) for most in (len(x), 5, 9))
            left += 4 * k
            digit = (x[which].view(8, 8) + 1) / 2
            there = digit >= 0.3
            ink[i, 0, top:top + 8, left:left + 8][there] = digit[there]
            classes[i, top:top + 8, left:left + 8][there] = y[which] + 1
            rows, columns = there.nonzero().T
            boxes[i, k] = torch.stack([left + columns.min(), top + rows.min(), left + columns.max() + 1, top + rows.max() + 1]) / 16
    return ink, classes, boxes.view(n, 8)


def area(left, top, right, bottom):
    return (right - left).relu() * (bottom - top).relu()


def segmentation(epochs=15):
    x, y, xt, yt = digits()
    (ink, classes, boxes), (ink_t, classes_t, boxes_t) = canvases(x, y, 3000), canvases(xt, yt, 300)
    net = Segmenter()
    adam = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(epochs):
        for i in torch.randperm(len(ink)).split(50):
            said, off = net(ink[i])
            adam.zero_grad()
            (F.cross_entropy(said, classes[i]) + 0.1 * F.smooth_l1_loss(16 * off, 16 * boxes[i])).backward()
            adam.step()
    net.eval()
    with torch.no_grad():
        said, off = net(ink_t)
    a, b, there = off.view(-1, 4).T, boxes_t.view(-1, 4).T, classes_t > 0
    shared = area(*torch.maximum(a[:2], b[:2]), *torch.minimum(a[2:], b[2:]))
    return "test: {:.4f} of the digits' pixels right, boxes share {:.4f} of what they cover".format(
        (said.argmax(1) == classes_t)[there].double().mean(), (shared / (area(*a) + area(*b) - shared)).mean())


def plain_or_residual(depth, shortcuts, width=4):
    """He et al. 2016, section 4.2, with shortcuts of no parameters."""
    class Block(nn.Module):
        def __init__(self, a, b, stride):
            super().__init__()
            self.stride, self.more = stride, b - a
            self.body = nn.Sequential(nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU(),
                                      nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b))

        def forward(self, x):
            around = F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, self.more // 2, self.more - self.more // 2))
            return (self.body(x) + around if shortcuts else self.body(x)).relu()

    sizes = [width * 2 ** (i // ((depth - 2) // 6)) for i in range((depth - 2) // 2)]
    blocks = [Block(a, b, 1 + (a < b)) for a, b in zip([width, *sizes], sizes)]
    net = nn.Sequential(nn.Conv2d(1, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1),
                        nn.Flatten(), nn.Linear(4 * width, 10))
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode="fan_out")
    return net


def degradation(epochs=5):
    x, y, _, _ = digits()
    some = torch.randperm(len(x))[:400]
    x, y, losses = x[some].view(-1, 1, 8, 8), y[some], []
    for shortcuts in False, True:
        for depth in 20, 56:
            net = plain_or_residual(depth, shortcuts)
            sgd = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9, weight_decay=1e-4)
            losses.append(fit(net, sgd, x, y, epochs, batch=64))
    return "training loss: plain-20 {:.4f}, plain-56 {:.4f}, ResNet-20 {:.4f}, ResNet-56 {:.4f}".format(*losses)


def very_deep(epochs=1, n=500):
    x, y, xt, yt = digits()
    some, result = torch.randperm(len(x))[:400], []
    for orthogonal in True, False:
        made = []
        for i in range(n):
            conv = nn.Conv2d(8 if i else 1, 8, 3, 1 if i else 2, 1, bias=False)
            nn.init.xavier_normal_(conv.weight)
            if orthogonal:
                nn.init.zeros_(conv.weight).data[:, :, 1, 1] = nn.init.orthogonal_(torch.empty(conv.weight.shape[:2]), 1 + 10 / n)
            made += [conv, nn.Tanh()]
        net = nn.Sequential(*made, nn.Flatten(), nn.Linear(128, 10))
        sgd = torch.optim.SGD(net.parameters(), 0.45 / n ** 0.5, momentum=0.9)
        sgd.register_step_pre_hook(lambda *_, net=net: (nn.utils.clip_grad_norm_(net.parameters(), 1), None)[1])
        fit(net, sgd, x[some].view(-1, 1, 8, 8), y[some], epochs, batch=16)
        result.append(accuracy(net, xt[:100].view(-1, 1, 8, 8), yt[:100]))
    return "test accuracy at {} layers: delta-orthogonal {:.4f}, Glorot {:.4f}".format(n, *result)
