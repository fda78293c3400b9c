/**
 * Runs the dashboard's own script with the official browser client, on as much of a document as it
 * uses: `dashboard.mjs PAGE BUNDLE URL TOKEN` prints the tables once each was told its rows.
 */
import { readFileSync } from "node:fs";
import vm from "node:vm";

const [page, bundle, url, token] = process.argv.slice(2);

class Element {
  children = [];
  textContent = "";
  append(...added) {
    this.children.push(...added);
  }
  replaceChildren(...added) {
    this.children = added;
  }
  insertRow() {
    const row = new Element();
    this.append(row);
    return row;
  }
  createTHead() {
    const head = new Element();
    this.append(head);
    return head;
  }
  addEventListener(_, listener) {
    this.submit = listener;
  }
}

const named = {};
const document = {
  getElementById: (id) => (named[id] ??= new Element()),
  createElement: () => new Element(),
};
const FormData = class {
  [Symbol.iterator] = () => Object.entries({ url, token, workspace: "default" })[Symbol.iterator]();
};
const context = vm.createContext({ ...globals(), document, FormData, console });
vm.runInContext(readFileSync(bundle, "utf8"), context);
vm.runInContext(/<script>(.*?)<\/script>/s.exec(readFileSync(page, "utf8"))[1], context);
named.where.submit({ preventDefault() {}, target: named.where });

function globals() {
  const { WebSocket, setTimeout, clearTimeout, setInterval, clearInterval, performance } = globalThis;
  const timers = { setTimeout, clearTimeout, setInterval, clearInterval, performance };
  return { WebSocket, ...timers, crypto, TextEncoder, TextDecoder, URL, btoa, atob };
}

const cells = (row) => row.children.map((cell) => cell.textContent);

for (;;) {
  const sections = named.tables.children;
  if (named.said.textContent) throw new Error(named.said.textContent);
  if (sections.length && sections.every((section) => section.children.length === 2)) {
    const tables = sections.map(({ children: [heading, table] }) => ({
      title: heading.textContent,
      rows: [cells(table.children[0].children[0]), ...table.children.slice(1).map(cells)],
    }));
    console.log(JSON.stringify(tables));
    process.exit(0);
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
}
