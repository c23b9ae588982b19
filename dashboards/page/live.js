// The line to the gateway: asking, being told of changes, and knowing when it is cut.
const listeners = new Set();
export const line = { csrf: "", open: false, lost: null, last: Date.now() };

export class Refused extends Error {
  constructor(status, body) {
    super(body.error || `HTTP ${status}`);
    this.status = status;
    this.body = body;
  }
}

/** One question. Raises Refused with what the gateway said; a TypeError when nobody answers. */
export async function ask(path, { method = "GET", body, headers = {}, form } = {}) {
  const options = { method, headers: { Accept: "application/json", ...headers }, credentials: "same-origin" };
  if (method !== "GET") options.headers["X-CSRF-Token"] = line.csrf;
  if (form) options.body = form;
  else if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    cut();
    throw error;
  }
  if (answer.status !== 502 && answer.status !== 504) heard();
  const kind = answer.headers.get("content-type") || "";
  const data = kind.includes("json") ? await answer.json() : await answer.text();
  if (!answer.ok) throw new Refused(answer.status, typeof data === "object" ? data : { error: String(data).slice(0, 200) });
  return data;
}

/** The same, but null where this gateway cannot do that (404, 501) or one may not (403). */
export async function maybe(path, options) {
  try {
    return await ask(path, options);
  } catch (error) {
    if (error instanceof Refused && [403, 404, 405, 501].includes(error.status)) return null;
    throw error;
  }
}

function heard() {
  line.last = Date.now();
  if (line.lost) {
    line.lost = null;
    tell("line");
  }
}
function cut() {
  if (!line.lost) {
    line.lost = line.last;
    tell("line");
  }
}
export const listen = (listener) => (listeners.add(listener), () => listeners.delete(listener));
const tell = (kind, data) => listeners.forEach((listener) => listener(kind, data));

let stream = null;
let again = null;
/** Be told of changes; the browser itself comes back after a cut, and we when it has given up. */
export function follow() {
  unfollow();
  stream = new EventSource("/api/v1/changes");
  stream.onopen = () => {
    line.open = true;
    heard();
    tell("open");
  };
  stream.onerror = () => {
    line.open = false;
    if (stream && stream.readyState === 2) {
      unfollow();
      again = setTimeout(follow, 15000 + Math.random() * 10000);
    }
  };
  for (const kind of ["reading", "alert", "order", "event", "status"]) {
    stream.addEventListener(kind, (message) => {
      heard();
      let data = null;
      try {
        data = JSON.parse(message.data);
      } catch {
        return;
      }
      tell(kind, data);
    });
  }
}
export function unfollow() {
  clearTimeout(again);
  if (stream) stream.close();
  stream = null;
  line.open = false;
}
