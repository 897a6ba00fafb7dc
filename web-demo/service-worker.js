// Keeps the whole page, so that it opens without a network. `cargo xtask demo` fills in the files and their checksums.

const FILES = [];
const CACHE = `relprop ${FILES.map(([, checksum]) => checksum).join("")}`;

self.addEventListener("install", (event) => {
    event.waitUntil(keepEverything().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
    event.waitUntil(forgetOthers().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
    const { method, url } = event.request;
    if (method === "GET" && url.startsWith(self.registration.scope)) event.respondWith(answer(event.request));
});

async function keepEverything() {
    const cache = await caches.open(CACHE);
    // Past the browser's own cache, which may hold an older version.
    await cache.addAll(FILES.map(([name]) => new Request(name, { cache: "reload" })));
}

async function forgetOthers() {
    const others = (await caches.keys()).filter((name) => name.startsWith("relprop ") && name !== CACHE);
    await Promise.all(others.map((name) => caches.delete(name)));
}

async function answer(request) {
    const cache = await caches.open(CACHE);
    const page = request.mode === "navigate" ? "index.html" : request;
    return (await cache.match(page, { ignoreSearch: true })) ?? fetch(request);
}
