import type { Assessed, Assessment, KindCount, Remark, Use, Verdict } from '../../deploy/import/assess.ts'
import { escapeText as text } from '../escape.ts'

const VERDICTS: Readonly<Record<Verdict, string>> = {
  supported: 'runs as it is',
  changed: 'runs, with changes',
  refused: 'is refused',
}

/** One file with everything in it, to be sent around. */
export function asHtml(found: Assessment, title: string): string {
  const { artifacts, kinds, mediators, endpoints, files, loose } = found
  const count = (verdict: Verdict): number => artifacts.filter(one => one.verdict === verdict).length
  const [supported, changed, refused] = [count('supported'), count('changed'), count('refused')]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(title)} · import report</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<p class="product">Holdfast · import report</p>
<h1>${text(title)}</h1>
<p class="lead">${artifacts.length} ${plural(artifacts.length, 'artifact')} in ${files} ${plural(files, 'file')}. ${leadOf(artifacts.length, refused)}</p>
${bar({ supported, changed, refused })}
<ul class="legend">
<li class="supported"><b>${supported}</b> run as they are</li>
<li class="changed"><b>${changed}</b> run with changes on purpose</li>
<li class="refused"><b>${refused}</b> are refused</li>
</ul>
</header>
<main>
${kinds.length > 0 ? `<section><h2>By kind</h2>${kindTable(kinds)}</section>` : ''}
<section class="uses">
${usesBlock('Mediators', mediators)}
${usesBlock('Endpoints', endpoints)}
</section>
<section><h2>Artifacts</h2>
<p class="note">Those that need somebody first. Line numbers are those of the files.</p>
${sorted(artifacts).map(artifactBlock).join('\n')}
</section>
${loose.length > 0 ? `<section><h2>Files as a whole</h2><ul class="remarks">${loose.map(one => remarkItem(one, one.at.file)).join('')}</ul></section>` : ''}
</main>
</body>
</html>
`
}

function leadOf(total: number, refused: number): string {
  if (total === 0) return 'There is nothing to import.'
  if (refused === 0) return 'All of them can be deployed.'
  return `${Math.floor(((total - refused) / total) * 100)} % of them can be deployed.`
}

function bar(counts: Readonly<Record<Verdict, number>>): string {
  const parts = (Object.keys(VERDICTS) as Verdict[])
    .filter(verdict => counts[verdict] > 0)
    .map(
      verdict =>
        `<span class="${verdict}" style="flex:${counts[verdict]}" title="${counts[verdict]} ${VERDICTS[verdict]}"></span>`,
    )
  return `<div class="bar" role="img" aria-label="${(Object.keys(VERDICTS) as Verdict[]).map(one => `${counts[one]} ${VERDICTS[one]}`).join(', ')}">${parts.join('')}</div>`
}

function kindTable(kinds: readonly KindCount[]): string {
  const rows = kinds.map(
    kind =>
      `<tr><th scope="row">${text(kind.kind)}</th><td>${kind.total}</td><td>${number(kind.supported)}</td><td>${number(kind.changed)}</td><td>${number(kind.refused)}</td><td class="wide">${bar(kind)}</td></tr>`,
  )
  return `<table><thead><tr><th scope="col">Kind</th><th scope="col">Found</th><th scope="col">As it is</th><th scope="col">Changed</th><th scope="col">Refused</th><td></td></tr></thead><tbody>${rows.join('')}</tbody></table>`
}

const number = (value: number): string => (value === 0 ? '<span class="none">–</span>' : String(value))

function usesBlock(title: string, uses: readonly Use[]): string {
  if (uses.length === 0) return ''
  const chips = uses.map(
    ({ name, count, offered }) =>
      `<li class="${offered ? 'supported' : 'refused'}"${offered ? '' : ' title="not offered"'}>${text(name)} <b>${count}</b></li>`,
  )
  return `<div><h2>${title}</h2><ul class="chips">${chips.join('')}</ul></div>`
}

const RANK: Readonly<Record<Verdict, number>> = { refused: 0, changed: 1, supported: 2 }

function sorted(artifacts: readonly Assessed[]): Assessed[] {
  return [...artifacts].sort((a, b) => RANK[a.verdict] - RANK[b.verdict])
}

function artifactBlock({ kind, name, at, verdict, remarks }: Assessed): string {
  const head = `<span class="kind">${text(kind)}</span> <b>${text(name || '(without a name)')}</b> <span class="place">${text(`${at.file}:${at.line}`)}</span> <span class="verdict ${verdict}">${VERDICTS[verdict]}</span>`
  if (remarks.length === 0) return `<div class="artifact ${verdict}"><p>${head}</p></div>`
  return `<details class="artifact ${verdict}"${verdict === 'refused' ? ' open' : ''}><summary>${head}</summary><ul class="remarks">${remarks.map(one => remarkItem(one)).join('')}</ul></details>`
}

function remarkItem({ sort, message, at, hint, code }: Remark, file = ''): string {
  const advice = hint === undefined ? '' : `<br/><span class="hint">${text(hint)}</span>`
  return `<li class="${sort}"><span class="line">${at.line}:${at.column}</span><span class="sort">${sort}</span><span class="said">${file === '' ? '' : `<span class="place">${text(file)}</span> `}${text(message)} <code>${text(code)}</code>${advice}</span></li>`
}

function plural(count: number, noun: string): string {
  return count === 1 ? noun : `${noun}s`
}

const STYLE = `
:root{color-scheme:light dark;--ink:#1b2530;--soft:#5a6876;--paper:#fff;--ground:#f4f6f8;--line:#dde3e9;--supported:#1f8a5b;--changed:#b7791f;--refused:#c0392b;--ignored:#5a6876;--warning:#b7791f}
@media (prefers-color-scheme:dark){:root{--ink:#e6ebf0;--soft:#98a6b3;--paper:#1a222b;--ground:#11171d;--line:#2c3742;--supported:#4cc38a;--changed:#e0a63f;--refused:#f0776a;--ignored:#98a6b3;--warning:#e0a63f}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
header,main{max-width:64rem;margin:0 auto;padding:0 1.5rem}
header{padding-top:2.5rem}
.product{margin:0;color:var(--soft);font-size:.85rem;letter-spacing:.04em}
h1{margin:.1em 0 .2em;font-size:2rem;line-height:1.2;overflow-wrap:anywhere}
h2{margin:0 0 .6rem;font-size:1.15rem}
.lead{margin:.2em 0 1.2em;font-size:1.1rem}
.bar{display:flex;gap:2px;height:.8rem;border-radius:.4rem;overflow:hidden;background:var(--line)}
.bar span{min-width:3px}
.bar .supported{background:var(--supported)}.bar .changed{background:var(--changed)}.bar .refused{background:var(--refused)}
.legend{display:flex;flex-wrap:wrap;gap:.4rem 1.6rem;list-style:none;margin:.8rem 0 0;padding:0}
.legend li::before{content:"";display:inline-block;width:.7rem;height:.7rem;margin-right:.5rem;border-radius:2px;background:currentColor}
.legend .supported,.verdict.supported{color:var(--supported)}.legend .changed,.verdict.changed{color:var(--changed)}.legend .refused,.verdict.refused{color:var(--refused)}
section{margin:2rem 0;padding:1.2rem 1.4rem;background:var(--paper);border:1px solid var(--line);border-radius:.6rem}
.uses{display:grid;gap:1.4rem}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:right}
tr:last-child>*{border-bottom:0}
th:first-child{text-align:left;font-weight:600}
thead th{color:var(--soft);font-weight:500;font-size:.85rem}
td.wide{width:35%}
.none{color:var(--line)}
.chips{display:flex;flex-wrap:wrap;gap:.4rem;list-style:none;margin:0;padding:0}
.chips li{padding:.1rem .6rem;border:1px solid var(--line);border-radius:1rem;font-size:.9rem}
.chips .refused{border-color:var(--refused);color:var(--refused)}
.chips b{font-weight:600;margin-left:.2rem}
.note{margin:-.3rem 0 1rem;color:var(--soft)}
.artifact{border-top:1px solid var(--line)}
.artifact>p,summary{margin:0;padding:.5rem 0;display:flex;flex-wrap:wrap;gap:.1rem .6rem;align-items:baseline}
summary{cursor:pointer;list-style:none}
summary::before{content:"▸";color:var(--soft)}
details[open]>summary::before{content:"▾"}
.artifact>p::before{content:"▸";visibility:hidden}
.kind{color:var(--soft)}
.place{color:var(--soft);font:.82rem ui-monospace,monospace;overflow-wrap:anywhere}
.verdict{margin-left:auto;font-size:.85rem}
.remarks{list-style:none;margin:0 0 .8rem;padding:0 0 0 1.2rem}
.remarks li{display:flex;gap:.8rem;padding:.25rem 0}
.line{flex:0 0 4rem;text-align:right;color:var(--soft);font:.85rem/1.7 ui-monospace,monospace}
.sort{flex:0 0 4.5rem;font-size:.9rem}
.remarks .refused .sort{color:var(--refused)}.remarks .changed .sort{color:var(--changed)}.remarks .ignored .sort{color:var(--ignored)}.remarks .warning .sort{color:var(--warning)}
.said{flex:1;overflow-wrap:anywhere}
.hint{color:var(--soft)}
code{color:var(--soft);font-size:.8rem}
@media (max-width:40rem){td.wide,thead td{display:none}.verdict{margin-left:0}}
@media print{body{background:#fff}section{break-inside:avoid}}
`
