// Scalar shows the document. This file is part of the page, which allows it by
// its hash.

// The content security policy asks each style sheet for a nonce. Scalar gives it
// to its own, and not to those of the editor and of the notices in it.
const { content: nonce } = document.querySelector('meta[property=csp-nonce]')
const createElement = document.createElement
document.createElement = function (name, options) {
  const element = createElement.call(this, name, options)
  if (name === 'style') element.nonce = nonce
  return element
}

// A problem's type is /docs#code: that leads to the code's heading.
function findProblem() {
  const code = location.hash.match(/^#(?!models$)([a-z-]+)$/)
  if (code) location.replace(`#description/${code[1]}`)
}
findProblem()
addEventListener('hashchange', findProblem)

// Scalar sends an example with every request. What may be left out is shown and
// not sent, unless it is ticked: it would filter a list, or contradict the body.
function leaveOutOptional(parameter) {
  const [value] = parameter.schema?.examples ?? []
  if (!parameter.required && value !== undefined) parameter.examples = { example: { value, 'x-disabled': true } }
}

const methods = ['get', 'post', 'put', 'patch', 'delete']

addEventListener('DOMContentLoaded', async () => {
  const content = await (await fetch('/openapi.json')).json()
  for (const path of Object.values(content.paths))
    for (const operation of Object.values(path)) operation.parameters?.forEach(leaveOutOptional)
  Scalar.createApiReference('#reference', {
    content,
    documentDownloadType: 'none',
    // Requests go to where the page comes from, whatever APP_URL is.
    servers: [{ url: location.origin }],
    authentication: { preferredSecurityScheme: 'bearer' },
    persistAuth: false,
    operationsSorter: (a, b) => a.path.localeCompare(b.path) || methods.indexOf(a.method) - methods.indexOf(b.method),
    // Nothing of the vendor's: no fonts, reports, agents, nor links to its client.
    withDefaultFonts: false,
    telemetry: false,
    agent: { disabled: true },
    mcp: { disabled: true },
    hideClientButton: true,
    showDeveloperTools: 'never',
  })
  document.querySelector('#loading').remove() // only now: it stays where the renderer does not come
})
