// Keeps the frame of the board in the phone, so that it opens without a line; figures always come from the gateway.
const SHELF = "village-board-2";
const FRAME = ["/board/my", "/board/page/app.css", "/board/page/app.js", "/board/page/dom.js", "/board/page/live.js", "/board/page/words.js", "/board/page/parts.js", "/board/page/queue.js", "/board/page/job.js", "/board/page/pages/my.js", "/board/page/pages/sign.js", "/board/page/pages/order.js", "/board/page/icons.svg", "/board/page/mark.svg", "/board/words/site", "/board/words/zh", "/board/words/en"];

self.addEventListener("install", (event) => event.waitUntil(caches.open(SHELF).then((shelf) => shelf.addAll(FRAME)).then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(caches.keys().then((names) => Promise.all(names.filter((name) => name !== SHELF).map((name) => caches.delete(name)))).then(() => self.clients.claim())));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { pathname } = new URL(request.url);
  if (request.method !== "GET" || pathname.startsWith("/api/") || pathname.startsWith("/board/data/")) return;
  if (!pathname.startsWith("/board/")) return;
  event.respondWith(fresh(request, pathname));
});

/** The network first; what it says is kept; without it, what was kept. */
async function fresh(request, pathname) {
  const shelf = await caches.open(SHELF);
  const frame = request.mode === "navigate" ? "/board/my" : pathname;
  try {
    const answer = await fetch(request);
    if (answer.ok) shelf.put(frame, answer.clone());
    return answer;
  } catch (error) {
    const kept = await shelf.match(frame);
    if (kept) return kept;
    throw error;
  }
}
