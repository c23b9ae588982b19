// A page is a function of its data: h() says what it looks like, paint() changes only what is different.
const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set("svg g path line rect circle polyline polygon text use title defs image linearGradient stop clipPath ellipse tspan pattern".split(" "));

/** An element: h("div.card", {onclick}, child, [children], "text"). Falsy children are left out. */
export function h(name, ...rest) {
  const props = rest.length && isProps(rest[0]) ? rest.shift() : {};
  const [tag, ...classes] = name.split(".");
  const css = [classes.join(" "), props.class].filter(Boolean).join(" ");
  const kids = [];
  flatten(rest, kids);
  return { tag: tag || "div", props: css ? { ...props, class: css } : props, kids, key: props.key };
}

const isProps = (one) => one !== null && typeof one === "object" && !Array.isArray(one) && !("tag" in one && "kids" in one);

function flatten(list, into) {
  for (const one of list) {
    if (one === null || one === undefined || one === false || one === true || one === "") continue;
    if (Array.isArray(one)) flatten(one, into);
    else into.push(typeof one === "object" ? one : String(one));
  }
}

/** Make the children of an element look like these. */
export function paint(element, ...kids) {
  const wanted = [];
  flatten(kids, wanted);
  children(element, wanted);
}

function children(element, wanted) {
  const keyed = new Map();
  for (const node of element.childNodes) if (node.vgKey !== undefined) keyed.set(node.vgKey, node);
  let at = element.firstChild;
  for (const want of wanted) {
    if (typeof want === "string") {
      if (at && at.nodeType === 3) {
        if (at.data !== want) at.data = want;
        at = at.nextSibling;
      } else element.insertBefore(document.createTextNode(want), at);
      continue;
    }
    let node = want.key !== undefined ? keyed.get(want.key) : at;
    const fits = node && node.nodeType === 1 && node.vgTag === want.tag && node.vgKey === want.key;
    if (!fits) node = create(want);
    if (node !== at) element.insertBefore(node, at);
    else at = at.nextSibling;
    update(node, want);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

function create(want) {
  const node = SVG_TAGS.has(want.tag) ? document.createElementNS(SVG, want.tag) : document.createElement(want.tag);
  node.vgTag = want.tag;
  if (want.key !== undefined) node.vgKey = want.key;
  return node;
}

function update(node, want) {
  const before = node.vgProps || {};
  const props = want.props;
  for (const name of Object.keys(before)) if (!(name in props)) set(node, name, null);
  for (const [name, value] of Object.entries(props)) if (before[name] !== value || name === "value" || name === "checked") set(node, name, value);
  node.vgProps = props;
  if (!props.own) children(node, want.kids);
}

function set(node, name, value) {
  if (name === "key" || name === "own") return;
  if (name.startsWith("on")) node[name] = value;
  else if (name === "css") {
    for (const [key, one] of Object.entries(value || {})) node.style.setProperty(key, one);
  } else if (name === "value") {
    if (node.value !== (value ?? "") && document.activeElement !== node) node.value = value ?? "";
  } else if (name === "checked" || name === "disabled" || name === "selected" || name === "hidden" || name === "open") node[name] = Boolean(value);
  else if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : value);
}

/** An icon of the sprite; what it says stands beside it in words, so it is hidden from readers. */
export const icon = (name, css = "") => h("svg.icon", { class: css, "aria-hidden": "true" }, h("use", { href: `/board/page/icons.svg#${name}` }));
