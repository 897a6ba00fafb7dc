// What everything that is tried in a browser needs: how it is started, and a server on this machine.

import { createServer } from "node:http";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** For playwright. */
export const CHROMIUM = {
    executablePath,
    args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ],
};

/** Serves what `find(path)` gives, `{ content, headers }`; what it throws is not there. */
export async function listen(find) {
    const server = createServer(async ({ url }, response) => {
        try {
            const { content, headers } = await find(decodeURIComponent(new URL(url, "http://localhost").pathname));
            response.writeHead(200, headers).end(content);
        } catch {
            response.writeHead(404).end();
        }
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const close = () => {
        server.closeAllConnections();
        return new Promise((resolve) => server.close(resolve));
    };
    return { origin: `http://localhost:${server.address().port}`, close };
}
