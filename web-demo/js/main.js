// The page: tabs, colours, the service worker.

import load from "../relprop/index.js";
import { $, tell } from "./dom.js";
import { startDigits } from "./digits.js";
import { startModel } from "./model.js";
import { startSentiment } from "./sentiment.js";

const TABS = ["digits", "sentiment", "model"];
const started = new Map();
const start = { digits: startDigits, sentiment: startSentiment, model: startModel };

async function choose(name, focus = false) {
    for (const tab of TABS) {
        const isChosen = tab === name;
        $(tab).hidden = !isChosen;
        $(`tab-${tab}`).setAttribute("aria-selected", String(isChosen));
        $(`tab-${tab}`).tabIndex = isChosen ? 0 : -1;
    }
    if (focus) $(`tab-${name}`).focus();
    history.replaceState(null, "", `#${name}`);
    tell();
    try {
        if (!started.has(name)) started.set(name, start[name]());
        await started.get(name);
    } catch (error) {
        started.delete(name);
        tell(error.message);
    }
}

for (const [i, name] of TABS.entries()) {
    $(`tab-${name}`).addEventListener("click", () => choose(name));
    $(`tab-${name}`).addEventListener("keydown", ({ key }) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
        if (step) choose(TABS.at((i + step) % TABS.length), true);
    });
}

const THEMES = { auto: "Colours: auto", light: "Colours: light", dark: "Colours: dark" };

function setTheme(theme) {
    document.documentElement.dataset.theme = theme;
    $("theme").textContent = THEMES[theme];
    $("theme").dataset.theme = theme;
    localStorage.setItem("theme", theme);
}

const stored = localStorage.getItem("theme");
setTheme(stored in THEMES ? stored : "auto");
$("theme").addEventListener("click", () => {
    const names = Object.keys(THEMES);
    setTheme(names[(names.indexOf($("theme").dataset.theme) + 1) % names.length]);
});

navigator.serviceWorker?.register(new URL("../service-worker.js", import.meta.url)).catch(() => {
    // The page works without; only not offline.
});

try {
    await load();
    const asked = location.hash.slice(1);
    await choose(TABS.includes(asked) ? asked : "digits");
    document.documentElement.dataset.ready = "true";
} catch (error) {
    tell(error.message);
}
