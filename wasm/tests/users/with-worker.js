// A page that leaves the work to a worker.

const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });

window.answer = (address, input) =>
    new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage({ address, input });
    });
