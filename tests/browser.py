"""A headless Chromium for tests of pages: opens files, without a network, clicks, presses keys, and runs scripts in them."""
import base64
import json
import os
import shutil
import subprocess
import sys


def find_browser():
    """Chromium's program; ends the test as skipped where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not program:
        print("SKIPPED: there is no chromium; .ci/run installs it")
        sys.exit(77)
    return program


class Browser:
    """Chromium, spoken to over a pipe: https://chromedevtools.github.io/devtools-protocol."""

    def __init__(self, program, folder):
        down, self.write = os.pipe()
        self.read, up = os.pipe()
        for fd in (down, up):
            os.set_inheritable(fd, True)

        def connect():
            a, b = os.dup(down), os.dup(up)
            os.dup2(a, 3)
            os.dup2(b, 4)
        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run", "--disable-extensions",
             "--disable-background-networking", "--disable-dev-shm-usage", "--disable-component-update", "--disable-sync",
             "--host-resolver-rules=MAP * ~NOTFOUND", "--hide-scrollbars", f"--user-data-dir={folder}/profile", "about:blank"],
            preexec_fn=connect, pass_fds=(3, 4, down, up), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(down)
        os.close(up)
        self.number, self.rest, self.events, self.session = 0, b"", [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Performance.enable", timeDomain="threadTicks")
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(domain + ".enable")

    def message(self):
        while b"\0" not in self.rest:
            more = os.read(self.read, 1 << 20)
            assert more, "Chromium went away"
            self.rest += more
        one, self.rest = self.rest.split(b"\0", 1)
        return json.loads(one)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)

    def load(self, url):
        self.events.clear()
        self.call("Page.navigate", url=url)
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self.message())

    def open(self, path, hash=""):
        """Loads a file anew, and returns the seconds of processor time that the page took until its script had run."""
        self.load("about:blank")
        before = self.seconds()
        self.load(f"file://{path}{hash}")
        self.check_quiet(path)
        return self.seconds() - before

    def seconds(self):
        """What the page's thread has worked so far, whatever else the machine does."""
        return {m["name"]: m["value"] for m in self.call("Performance.getMetrics")["metrics"]}["TaskDuration"]

    def check_quiet(self, path):
        """Nothing but the file itself was asked for, and nothing was complained of."""
        for e in self.events:
            if e.get("method") == "Network.requestWillBeSent":
                url = e["params"]["request"]["url"]
                assert url.split("#")[0] == f"file://{path}", f"it asks for {url}"
            assert e.get("method") != "Runtime.exceptionThrown", e["params"]["exceptionDetails"]
            assert e.get("method") != "Log.entryAdded", e["params"]["entry"]

    def inner(self):
        """Where the scripts of the frame that was loaded last run."""
        made = [e["params"]["context"] for e in self.events if e.get("method") == "Runtime.executionContextCreated"]
        return made[-1]["id"]

    def run(self, script, **where):
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, **where)
        assert "exceptionDetails" not in answer, (script, answer["exceptionDetails"])
        return answer["result"].get("value")

    def press(self, key, code=None):
        names = {"ArrowRight": 39, "ArrowLeft": 37, "Home": 36, "End": 35, "Enter": 13, " ": 32}
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=names.get(key, ord(key[0])), **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=names.get(key, ord(key[0])))

    def click(self, selector):
        x, y = self.run(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center', inline: 'center'}});"
                        "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def write_in(self, selector, words):
        self.run(f"document.querySelector({json.dumps(selector)}).focus(); document.querySelector({json.dumps(selector)}).select()")
        self.call("Input.insertText", text=words)

    def screenshot(self, path, width, height, scheme="light"):
        """Writes what a window of that size shows to a PNG file."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.run("new Promise(done => setTimeout(done, 300))")
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def close(self):
        self.call("Browser.close")
        self.process.wait(30)
