// How pages look: one sheet in the page itself, which the page's policy names by its hash. No script, nothing from elsewhere.

export const style = `
:root{color-scheme:light dark;--page:#f6f8fa;--card:#fff;--text:#17202b;--soft:#53606f;--line:#dce2e9;--link:#0a56b3;--accent:#0e7c86;--code:#eef2f6;--mark:#e3f1f2;--mark-text:#0a5a62}
@media (prefers-color-scheme:dark){:root{--page:#0f151c;--card:#161e27;--text:#e5ebf1;--soft:#9fadbb;--line:#2b3642;--link:#7cb8ff;--accent:#4fc3cd;--code:#202a35;--mark:#15343a;--mark-text:#8fdde4}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;min-height:100vh;display:flex;flex-direction:column}
a{color:var(--link);text-underline-offset:.18em;text-decoration-thickness:from-font}
a:hover{text-decoration-thickness:2px}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:4px}
code,pre,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.875em}
.skip{position:absolute;left:-999rem}
.skip:focus{left:1rem;top:.5rem;background:var(--card);padding:.4rem .8rem;z-index:1}
.wrap{width:100%;max-width:76rem;margin:0 auto;padding:0 1.25rem}
header{background:var(--card);border-bottom:1px solid var(--line)}
header .wrap{display:flex;align-items:flex-start;gap:.75rem;padding-top:.85rem;padding-bottom:.85rem}
header svg{width:1.5rem;height:1.5rem;color:var(--accent);flex:none;display:block}
header ol{list-style:none;display:flex;flex-wrap:wrap;margin:0;padding:0;gap:.1rem .45rem;min-width:0}
header li{overflow-wrap:anywhere}
header li+li::before{content:"/";color:var(--soft);margin-right:.45rem}
header li:first-child a{font-weight:650;color:var(--text);text-decoration:none}
header li:first-child a:hover{text-decoration:underline}
main.wrap{flex:1;padding-top:1.75rem;padding-bottom:3rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .35rem;overflow-wrap:anywhere;letter-spacing:-.01em}
h1 .ref{color:var(--soft);font-weight:450}
h2{font-size:1.1rem;margin:2.25rem 0 .6rem}
h2 .count{color:var(--soft);font-weight:400;font-size:.95rem}
p{margin:.4rem 0 .8rem;max-width:46rem}
.lead,.note{color:var(--soft)}
.note{font-size:.9rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px}
table{width:100%;border-collapse:collapse}
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th,td{text-align:left;padding:.6rem .9rem;vertical-align:top;border-top:1px solid var(--line)}
thead th{border-top:0;font-size:.8rem;font-weight:600;color:var(--soft);white-space:nowrap;padding-top:.55rem;padding-bottom:.5rem}
tbody th{font-weight:400}
tbody th .mono{font-weight:600}
tbody th a,.names a{overflow-wrap:anywhere}
td,td time,td .num{font-variant-numeric:tabular-nums}
.num,time{white-space:nowrap}
th.num,td.num{text-align:right}
.heard{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.none{color:var(--soft)}
.digest{display:inline-block;max-width:19ch;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;vertical-align:bottom;user-select:all;-webkit-user-select:all;cursor:copy;border-radius:4px;background:var(--code);padding:.05rem .4rem}
.digest:focus,.digest:active,.digest.whole{max-width:none;white-space:normal;overflow-wrap:anywhere;word-break:break-all;text-overflow:clip}
.platforms{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.25rem .3rem}
.platforms li,.tag{background:var(--mark);color:var(--mark-text);border-radius:.7rem;padding:0 .55rem;font-size:.8125rem;line-height:1.6;overflow-wrap:anywhere;display:inline-block}
.tags{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.35rem}
.tags a{display:inline-block;background:var(--mark);color:var(--mark-text);border-radius:999px;padding:0 .65rem;text-decoration:none;overflow-wrap:anywhere}
.tags a:hover{text-decoration:underline}
details summary{cursor:pointer;color:var(--link);width:max-content;border-radius:4px}
.pull details{position:relative}
.commands{position:absolute;right:0;top:1.9rem;width:min(46rem,calc(100vw - 4rem));z-index:1;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.5rem .8rem;box-shadow:0 .6rem 2rem rgb(0 0 0/.22)}
td code{overflow-wrap:anywhere}
pre{background:var(--code);border-radius:8px;margin:.4rem 0;padding:.6rem .8rem;white-space:pre-wrap;overflow-wrap:anywhere;user-select:all;-webkit-user-select:all}
.steps pre{user-select:text;-webkit-user-select:text}
.facts{display:grid;grid-template-columns:max-content minmax(0,1fr);margin:0;padding:.35rem .9rem}
.facts>div{display:grid;grid-template-columns:subgrid;grid-column:1/-1;gap:0 1.5rem;padding:.45rem 0;border-top:1px solid var(--line)}
.facts>div:first-child{border-top:0}
.facts dt{color:var(--soft)}
.facts dd{margin:0;overflow-wrap:anywhere;min-width:0;white-space:pre-wrap}
.facts dt{overflow-wrap:anywhere}
.facts .pull pre{margin-top:0}
.names{list-style:none;margin:0;padding:0}
.names li{padding:.55rem .9rem;border-top:1px solid var(--line)}
.names li:first-child{border-top:0}
.pages{display:flex;gap:1.25rem;margin-top:1rem;flex-wrap:wrap}
.empty{padding:1rem .9rem;margin:0;color:var(--soft)}
ol.steps{padding-left:1.3rem;max-width:46rem}
ol.steps li{margin:.9rem 0}
footer{border-top:1px solid var(--line);color:var(--soft);font-size:.875rem}
footer .wrap{display:flex;flex-wrap:wrap;gap:.2rem 1.5rem;padding-top:.9rem;padding-bottom:1.2rem}
footer p{margin:0}
@media screen and (max-width:60rem){
.wrap{padding:0 1rem}
main.wrap{padding-top:1.25rem}
h1{font-size:1.35rem}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
table,tbody{display:block}
tbody tr{display:grid;grid-template-columns:6.2rem minmax(0,1fr);gap:.25rem .75rem;padding:.8rem .9rem;border-top:1px solid var(--line)}
tbody tr:first-child{border-top:0}
tbody th,tbody td,th.num,td.num{display:contents;text-align:left}
tbody th::before,tbody td::before{content:attr(data-label);color:var(--soft);font-weight:400;font-size:.875rem;line-height:1.75}
tbody th>*,tbody td>*{min-width:0;justify-self:start}
.pull details{width:100%}
.commands{position:static;width:auto;border:0;padding:0;box-shadow:none;background:none}
.facts{display:block}
.facts>div{display:block}
}
@media print{
:root{color-scheme:light;--page:#fff;--card:#fff;--text:#000;--soft:#333;--line:#bbb;--link:#000;--accent:#000;--code:#fff;--mark:#fff;--mark-text:#000}
.skip,.pages,footer a,th.pull,td.pull{display:none}
body{font-size:10pt}
.card{border:0}
tr{break-inside:avoid}
.digest{max-width:24ch;white-space:normal;word-break:break-all;padding:0}
.digest.whole{max-width:none}
.wrap{max-width:none;padding:0}
}
`;
