// Package tokens is the Authoriser of the HTTP API that reads JSON Web Tokens.
//
// # Usage
//
// New takes the issuer, the audience and where the issuer's public keys are, as a URL or as a file. Owners reads from the tenant
// service's own tables who owns a tenant; without it nobody owns anything. The claims are iss, aud, exp, sub, and where they are
// there nbf, iat, jti, scope (words with blanks between them), roles (a list) and service (the name of a service, with the role
// service). Which role and which scope may do what is the table of package httpapi.
//
// # Guarantees
//
// A token counts only with a signature by a key of the issuer that the token names by its kid, of an algorithm that is
// asymmetric and the key's own, and inside its times. What its header says about keys is not followed: a token that brings or
// points to a key is refused. Unknown key ids cost the issuer one request an interval, however many there are, and requests at
// once share it; a key set that cannot be read leaves the keys that are known. Whatever a stranger sends is bounded. No error
// and no log line holds a token or a part of one.
//
// # Not guaranteed
//
// That a token which was revoked at the issuer is refused before it ends: keep lifetimes short. A key that the issuer has
// withdrawn counts until the set is read again.
//
// # Shutdown
//
// Close ends the one thing that runs beside requests, a reading of keys, which takes 5 s at most.
//
// # Testing
//
// Config.Clock stands still in tests; keys come from a server or a file of the test.
package tokens
