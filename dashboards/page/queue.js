// Work done where there is no signal: kept in the phone, sent later, each exactly once (Idempotency-Key).
import { ask, line, Refused } from "./live.js";

const DATABASE = "village-board";
const STORE = "todo";

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "key" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function inStore(mode, work) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const change = database.transaction(STORE, mode);
    const request = work(change.objectStore(STORE));
    change.oncomplete = () => (database.close(), resolve(request?.result));
    change.onerror = () => (database.close(), reject(change.error));
  });
}

export const waiting = async () => ("indexedDB" in self ? ((await inStore("readonly", (store) => store.getAll())) || []).sort((a, b) => a.at - b.at) : []);
const forget = (key) => inStore("readwrite", (store) => store.delete(key));
const keep = (entry) => inStore("readwrite", (store) => store.put(entry));

/** Do something now, or keep it for later. Answers what the gateway said, or null when it waits in the phone. */
export async function send(path, fields = {}, photo = null) {
  const entry = { key: crypto.randomUUID ? crypto.randomUUID() : `${Date.now()}-${Math.random()}`, at: Date.now(), path, fields, photo, refused: "" };
  try {
    return await post(entry);
  } catch (error) {
    if (error instanceof Refused) throw error;
    await keep(entry);
    return null;
  }
}

function post(entry) {
  const headers = { "Idempotency-Key": entry.key };
  if (!entry.photo) return ask(entry.path, { method: "POST", body: entry.fields, headers });
  const form = new FormData();
  for (const [name, value] of Object.entries(entry.fields)) if (value !== null && value !== undefined) form.append(name, value);
  form.append("photo", entry.photo, "photo.jpg");
  return ask(entry.path, { method: "POST", form, headers });
}

let sending = false;
/** Send what waits, oldest first; what the gateway refuses for good stays with its words for the person to see. */
export async function sendAll() {
  if (sending || !navigator.onLine || !line.csrf) return 0;
  sending = true;
  let sent = 0;
  try {
    for (const entry of await waiting()) {
      if (entry.refused) continue;
      try {
        await post(entry);
        await forget(entry.key);
        sent += 1;
      } catch (error) {
        if (!(error instanceof Refused)) break;
        if (![401, 429, 503].includes(error.status)) await keep({ ...entry, refused: error.message });
        else break;
      }
    }
  } finally {
    sending = false;
  }
  return sent;
}
export const drop = forget;
