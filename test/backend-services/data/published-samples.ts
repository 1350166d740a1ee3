// Keys and tokens that stand in public documents, as known answers. Only public halves: every one of these keys has its
// private half published beside it, and is on the deny-list for that.

/** An immunization facade guide: the sample key as PEM, as JWK, and the sample tokens. */
export const facadeGuide = {
  publicPem: `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwnNZRLN/bjgBLe5BujbS
zv0ehKr1txlNAZK2Bgr9BI1Y7HQjYM+8btv5KN5YEsF99Q49l4kz0eQjBF8pz3yw
xf9Dj0DBvF6i+tuUtn1tc80R2gV99+MK85kbic7odNHS/VMPMZr/wL3VMu7/4y+g
DOve4EWOWney532+kAla/L4xZxjGmoR7GiN2iuxx+2L4J7szIcWG6hdlA0sXPhTO
KZ6jmjzUngdihOrnTVkC9UKUBTD+DgL6FMcptiP4SKmIlE4glcWvVvgJfZ2miFp5
W3MYGJjd70KFAP6wVw+Axudcpus7NpZUoojtPjKVKVISvQ1bzH5OA3rqD5ZhulwO
tQIDAQAB
-----END PUBLIC KEY-----
`,
  jwk: {
    kty: 'RSA',
    e: 'AQAB',
    use: 'sig',
    kid: 'xprjIcx94sSj_opw',
    alg: 'RS384',
    n: 'wnNZRLN_bjgBLe5BujbSzv0ehKr1txlNAZK2Bgr9BI1Y7HQjYM-8btv5KN5YEsF99Q49l4kz0eQjBF8pz3ywxf9Dj0DBvF6i-tuUtn1tc80R2gV99-MK85kbic7odNHS_VMPMZr_wL3VMu7_4y-gDOve4EWOWney532-kAla_L4xZxjGmoR7GiN2iuxx-2L4J7szIcWG6hdlA0sXPhTOKZ6jmjzUngdihOrnTVkC9UKUBTD-DgL6FMcptiP4SKmIlE4glcWvVvgJfZ2miFp5W3MYGJjd70KFAP6wVw-Axudcpus7NpZUoojtPjKVKVISvQ1bzH5OA3rqD5ZhulwOtQ',
  },
  thumbprint: 'GF98s-yqwfeo6HKp8RK_c1kuij_okDKL_s9V5lHT3-o',
  /** No kid, no jti, ten hours, an http audience. */
  assertion:
    'eyJhbGciOiJSUzM4NCIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJhNmFjMTRhOC1lODdhLTRiMGMtOGIyZC00MDdmZWRhYjljNjIiLCJzdWIiOiJhNmFjMTRhOC1lODdhLTRiMGMtOGIyZC00MDdmZWRhYjljNjIiLCJhdWQiOiJodHRwOi8vMTkyLjE2OC40MC4xMzM6ODA4MS9vcGVuaWQtY29ubmVjdC1zZXJ2ZXItd2ViYXBwL3Rva2VuIiwiaWF0IjoxNzA5MTU3NjYzLCJleHAiOjE3MDkxOTM2NjN9.TKd9kb3R2oujnIFRm3fdTqt2faC42txlbiE8KIgxDuOx7-SaMw78H7EL3PLMvySkedm8zH-wJnULW3lkwjyBwEXeHj6xLMeEhzOSW8rUaSwDNTWggk6ElMnXOHLd-Fafkc6RP1ySE13OtOf2v7QmzVDzeyDXvapneRVz1-HPAIeo2FQ0DY7zKwQddIvyO_pZaoHSjj1i8FGUAbApbJQZwlrExqWqIq0s2ln-dPfxYu4VlFTkGSkoPiDWxdzAJadrp4SJy27HZnZwBQn5sx2z7fNpQNcDf6_p59K9UsmvN9zHSEwnxzfbcQPWfUC_m4sfvjbg15WY8wirkhQ2tGNOCQ',
  /** Seconds since 1970. */
  issuedAt: 1709157663,
  /** RS256 with kid; no aud, no scope, azp in the place of client_id. */
  accessToken:
    'eyJraWQiOiJyc2ExIiwiYWxnIjoiUlMyNTYifQ.eyJzdWIiOiJhNmFjMTRhOC1lODdhLTRiMGMtOGIyZC00MDdmZWRhYjljNjIiLCJhenAiOiJhNmFjMTRhOC1lODdhLTRiMGMtOGIyZC00MDdmZWRhYjljNjIiLCJpc3MiOiJodHRwOlwvXC8xOTIuMTY4LjQwLjEzMzo4MDgxXC9vcGVuaWQtY29ubmVjdC1zZXJ2ZXItd2ViYXBwXC8iLCJleHAiOjE3MDkxNjE3NzYsImlhdCI6MTcwOTE1ODE3NiwianRpIjoiYjFiODNjNDMtZGZmZC00Yjg5LTlkNDktNDhkYmYyZmFmNmQ0In0.c5LKD7XgwE08_KF35J8waoNQzWGwo9raWxznaRD3BcEyeuA5U1Jxq_rnpTppPHkvwfy6iD8uyKn6C6eOGUlAWejRUNkjg-5kmVYcZBK9tkA-ooEzzT0JQWwTu_7RK5GtyOkG3kpUFwL3z7WK-4DxQcIXLUWXiwSXjB9JDmTQGpAKi5W4fhfY-ytOCiUtfFsgdEfUEXA96m0BKzjkQUl6T90ZySBJxWWHnkLsyWrr7ag13G3T-hhn1HqCd60ZouMaRa0vaVGwmEL558wmi7JyfIus745z6oCJJxK_8OJEC3fvlAjxXUFjVsLDsq1yrjCgYXNVuw-rStgheoCs1sI2LQ',
  /** Of its curl example: HS256. */
  curlToken:
    'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJuZWVkX3BhdGllbnRfYmFubmVyIjp0cnVlLCJzbWFydF9zdHlsZV91cmwiOiJodHRwczovL3NtYXJ0LmFyZ28ucnVuLy9zbWFydC1zdHlsZS5qc29uIiwicGF0aWVudCI6Ijg3YTMzOWQwLThjYWUtNDE4ZS04OWM3LTg2NTFlNmFhYjNjNiIsInRva2VuX3R5cGUiOiJiZWFyZXIiLCJzY29wZSI6ImxhdW5jaC9wYXRpZW50IHBhdGllbnQvT2JzZXJ2YXRpb24ucnMgcGF0aWVudC9QYXRpZW50LnJzIiwiY2xpZW50X2lkIjoiZGVtb19hcHBfd2hhdGV2ZXIiLCJleHBpcmVzX2luIjozNjAwLCJpYXQiOjE2MzM1MzIwMTQsImV4cCI6MTYzMzUzNTYxNH0.PzNw23IZGtBfgpBtbIczthV2hGwanG_eyvthVS8mrG4',
};

/** SMART App Launch, Client Authentication, worked example (HL7, CC0). */
export const smartGuide = {
  rs384: {
    jwk: {
      kty: 'RSA',
      alg: 'RS384',
      n: 'wJq2RHIA-7RT6q4go7wjcbHdW7ck7Kz22A8wf-kN7Wi5CWvhFG2_Y7nQp1lDpb2IKMQr-Q4n_vgJ6d5rWPspJpSPY7iffUK4ipQCEbzID5DJ6fQMBZOfCTXyxkuMh3jYGKEF3Ziw2oxbM1H9j-eJAPtrj5stUG6kVoXowegdox-bSjWP0iI5PnkwUNzcekLMug4M3LRluEQgGR9O_BAML6-w3igZ_rZA_gunyrLAMbfmCVaceW5ohLp679kyM7U6W2gDK_NbkDKcINUakVmPeoG5h8RzgGzvGrySR0k0VDFiZv60Ua07DqHTeDGH9e4NV07AECae-oykIj5NDCs3pw',
      e: 'AQAB',
      key_ops: ['verify'],
      ext: true,
      kid: 'eee9f17a3b598fd86417a980b591fbe6',
    },
    assertion:
      'eyJhbGciOiJSUzM4NCIsImtpZCI6ImVlZTlmMTdhM2I1OThmZDg2NDE3YTk4MGI1OTFmYmU2IiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2JpbGktbW9uaXRvci5leGFtcGxlLmNvbSIsInN1YiI6Imh0dHBzOi8vYmlsaS1tb25pdG9yLmV4YW1wbGUuY29tIiwiYXVkIjoiaHR0cHM6Ly9hdXRob3JpemUuc21hcnRoZWFsdGhpdC5vcmcvdG9rZW4iLCJleHAiOjE0MjI1Njg4NjAsImp0aSI6InJhbmRvbS1ub24tcmV1c2FibGUtand0LWlkLTEyMyJ9.D5kAqNJwaftCqsRdVVQDq6dMBxuGFOF5svQJuXbcYp-oEyg5qOwK9ZE5cGLTHxqwfpUPNzRKgVdIGuhawAA-8g0s1nKQae8CuKs33hhKh4J34xSEwW3MYs1gwI4GHTtR_g3kYSX6QCi14Ed3GIAvYFgqRqt-gD7sewMUXL4SB8I8cXcDbCqVizm7uPVhjw6QaeKZygJJ_AVLhM4Xs9LTy4HAhdCHpN0FrNmCerUIYJvHDpcod7A0jDmxdoeW1KIBYlhdhQNwjtsTvT1ce4qacN_3KIv_fIzCKLIgDv9eWxkjAtxOmIm8aW5gX9xX7X0nbd0QglIyiic_bZVNNEh0kg',
  },
  es384: {
    jwk: {
      kty: 'EC',
      crv: 'P-384',
      x: 'pyqburM9y8HPcFhNosDW6ngoVEJitqXi_HJgI5hYqX21PoFDwCbYirGy_o0oapIU',
      y: '95bxkCnMKoHvgbcPAIAcgzzu8scd81mXfM_IzuJFNfkUNkGYBFGvuEU1KPi5j1ob',
      key_ops: ['verify'],
      ext: true,
      kid: 'cd520211e5661dbba2256f67f6d53f97',
      alg: 'ES384',
    },
    assertion:
      'eyJhbGciOiJFUzM4NCIsImtpZCI6ImNkNTIwMjExZTU2NjFkYmJhMjI1NmY2N2Y2ZDUzZjk3IiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2JpbGktbW9uaXRvci5leGFtcGxlLmNvbSIsInN1YiI6Imh0dHBzOi8vYmlsaS1tb25pdG9yLmV4YW1wbGUuY29tIiwiYXVkIjoiaHR0cHM6Ly9hdXRob3JpemUuc21hcnRoZWFsdGhpdC5vcmcvdG9rZW4iLCJleHAiOjE0MjI1Njg4NjAsImp0aSI6InJhbmRvbS1ub24tcmV1c2FibGUtand0LWlkLTEyMyJ9.ddl5N8dt5PYI_7syKg_dm1wj1LR3dYVztFlTODs6pU1vKH1Zv3d9NctbnAsZ4aZ1K7HE83_fA_hIAL0JsU1GoB7roLmrpj8zfygG9Q1ZBAmKNoR60pyONPZsGTihoR29',
  },
  exp: 1422568860,
};

/** RFC 7517, Appendix A.2; its thumbprint is the worked example of RFC 7638 §3.1. */
export const rfc7638 = {
  jwk: {
    kty: 'RSA',
    n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
    e: 'AQAB',
    alg: 'RS256',
    kid: '2011-04-29',
  },
  thumbprint: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
};
