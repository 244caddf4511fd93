# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Encrypted tokens whose key was agreed on over an elliptic curve, by a key as
# JSON and by certificates, and tokens by RSA certificates (jwt_decrypt_cert). All
# were made with another implementation (Python's cryptography).
use Tideway::Test;
use MIME::Base64 qw(encode_base64url decode_base64url);

plan(skip_all => 'Debian\'s haproxy has none of these') unless is_tideway();

my %ec = (
	'P-256' => '{"kty":"EC","crv":"P-256","x":"coh_34jPMx_I-xaWI3YlzpeaVCR0TMnUUF2489w29dA","y":"OBJqS5z'
	    . 'P40xUhB4M2a-NPtvafblk5ze47y8QrZvISFw","d":"k45JDfqoNNEW-4vN6gggOrWeJIVWFOMhvyIONmHMHJY"}',
	'P-384' => '{"kty":"EC","crv":"P-384","x":"W4-zKcg41fTKXHouggJUE6IYQTB1CsYVHyg6zNeKDHE9pxyAocbzPUqBM'
	    . 'NcGGZWd","y":"XEMMOV3irJAevzBxFk8ex-mHmnm-KM-F3LPW_MnkeeDOziclZq5zAPklUoxxeIPU","d":"HwL'
	    . 'i5151PmypFOHUMFJbqYnFCOoLSIDb1CXMVBdLPieEkq0L1KprcStfesMzdVVi"}',
	'P-521' => '{"kty":"EC","crv":"P-521","x":"AdH2lxsn8KJkf5IUlRWVN9GRNnqwg2FLwcMM-FgCP522IwRy9z9p-tPr-'
	    . 'orDbgCs-BBg7Jap3aucgwqNi1x6Jjxt","y":"AMmHiXQZdcG1VK7x1G_oyN8BVSkoPJkUzbGhd7gek4yToY5NED'
	    . 'foMeqtQYIVqt7f1p3XeMhVvEh1RYW2gf57RxQQ","d":"AaUPJTKPp8zcKANhVQgy6KjFaVPAMQ-M9mlpXdje9Cf'
	    . '6axfz9rltseBvNx4xM3arEOaBg9_Y9kuefH9kYk2D5eco"}',
	other => '{"kty":"EC","crv":"P-256","x":"6GE544XeRKL5POnFyQLrPNQEIWDXgHl2ibic7oynX3Q","y":"w7_JYZe'
	    . 'nb11Eek-qntYu3WvjLNwyUrPV-8AcTlSoQU8","d":"iuMejm6rgje8OAqWc1dMnuiVec3D9Lf_4Y2wOOQTvUA"}',
);
my @ec = (
	['P-256', 'ECDH-ES',
	    'eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkdDTSIsImVwayI6eyJrdHkiOiJFQyIsImNydiI6IlAtMjU2Iiwi'
	    . 'eCI6IkhrZFoyYzFJeFQydGE1NHA5MmlmRFFYTHlXdDNsbVhrNW1zMWtDMlpfM0UiLCJ5IjoiTTNpOXV5QmdUTldz'
	    . 'SE5jWE1KOGRDUjUxUXpSZk9ZMl9ZWE54Zi1QbEFYZyJ9fQ..Mtdh2AvpjMOd81uU.gUAfMVGYZ31odF_WRw.Y7SL'
	    . '6-W1PggrZZZ3u1REuA'],
	['P-256', 'ECDH-ES+A128KW',
	    'eyJhbGciOiJFQ0RILUVTK0ExMjhLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsia3R5IjoiRUMiLCJjcnYiOiJQ'
	    . 'LTI1NiIsIngiOiI2eDNWa19ZaGZOTGpaVHpreTBaVGxETmotR0RzRlE1SENWR3JSQXpyelRvIiwieSI6InotSTFn'
	    . 'aG9TUjluV3RaWmNHaWdheDVNSTlYY2U1S2pvVlJTV3BTdTBHUkEifX0.9P0NonzEnXsqzh6alAWQFxuVBLRqWBCy'
	    . '6ZtLt05uf1j619hO6Dhn4Q.5A9GDaripkBFaKU4.GZ59Q88Xdd5rTLU-pzKWKzalITs.jJrnAgk351wzg9HK13lk'
	    . 'IA'],
	['P-384', 'ECDH-ES+A192KW',
	    'eyJhbGciOiJFQ0RILUVTK0ExOTJLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsia3R5IjoiRUMiLCJjcnYiOiJQ'
	    . 'LTM4NCIsIngiOiIyd0s2M2s5YUZIbldTM3JXMFhYT3p2U2cxbGJkX0pneDlyZWFLNEJOczNBR0p2QnpIRmRKNm1l'
	    . 'V1JtbkREOWIyIiwieSI6Ik1ackNQcTN1YzVXb0dnandxSW9lNF9yWE9OaTV3YWptTXIwS3NIMFdzdUJTcDl1MVQy'
	    . 'Yk9PY3RMNVFQaHRVUUsifX0.a0-si8cxgRvTWZeAsvvZTlPafYju5cUhgKcASnaKrhq0NyWl_KBioA.H56oFcuwU'
	    . 'vfuTzZH.WTp9rpxp-1okGjqcEGohKbiNNk0.lYqeKz0pA2SSbyAp59M3aA'],
	['P-521', 'ECDH-ES+A256KW',
	    'eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsia3R5IjoiRUMiLCJjcnYiOiJQ'
	    . 'LTUyMSIsIngiOiJBZDJZelFJUGVZU2hwYUlXU0hhUnB1UllMX01tRHI5TEZJRnQxeGlfSzZ6aUpGd0hZYTZPNlkt'
	    . 'U1I3T1U5aVEtMHNDUG5UclU3dXU5NlJVVjFoc3licWlmIiwieSI6IkFRc2x6YWc0QjBHc2JxT1RvelJnZ0hFZTBJ'
	    . 'eGlsS3ZHdGwzNmVyYVpYNkM4UkdneU5IRXpqNmZxRU9RcmRqRjRIeWg1Z2xWaGZJMlpZdnNsZ1ZFa1ZkWngifX0.'
	    . '840-TixhbAM_dSAPnbBSb_R20ROWNrcf-5rclp5f7KwXYlEbU1MZ1A.Hn-4qCLCgzVnBo_-.x5gqCoMCdFyTCib9'
	    . 'JDUl5tHDC14.jT_bP5j9ey-21mUrBBz9HA'],
	['P-256', 'ECDH-ES',
	    'eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkdDTSIsImVwayI6eyJrdHkiOiJFQyIsImNydiI6IlAtMjU2Iiwi'
	    . 'eCI6ImRZa0xWN0J5MmNBd3ZNd3lGRDhHZTRENF9lcHhmb1BsUUhlSDZKaDlvVEkiLCJ5IjoiWjBFM2lEY2VrMEtF'
	    . 'U2k3SWRvWlFCUjVRVTlOYXRhVXlXa2VkYjFCZlFVUSJ9LCJhcHUiOiJRV3hwWTJVIiwiYXB2IjoiUW05aSJ9..Gc'
	    . 'FJAlKIMHyyinbz.ailse6L35_XFwO_Qyw.GuWWOPSvseS_WwYLXn9kqA'],
	['P-521', 'ECDH-ES',
	    'eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTEyOEdDTSIsImVwayI6eyJrdHkiOiJFQyIsImNydiI6IlAtNTIxIiwi'
	    . 'eCI6IkFIdHVXVVhTZjN3WVZTZlF3di1lSkxZUzhnYWdMYTA5R21hLXFKZ0F6RjA0WDFWWS1WMC01cG5WN2NpWmVX'
	    . 'RmxXVGdBMzAyTUlPRXV4WWdtX2tDTkgwaUIiLCJ5IjoiQWEzUDhiTnlMV0lKN1Z3RE9kZVpxTEx4azBLZExaYlUw'
	    . 'LWg5OTRmZkRtUXFzUExadFUwbHFHYkVvdHFLcngyeXVTVEZiRzJLYmE5aFhfbVA1UUg3VXBFbiJ9fQ..Nrtl4fMQ'
	    . '-EJTF6OX.X2048gLnheRljngkOA.zzv9PECY6A0HJ9XRLDoceQ'],
	['P-384', 'ECDH-ES+A256KW',
	    'eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsia3R5IjoiRUMiLCJjcnYiOiJQ'
	    . 'LTM4NCIsIngiOiI2bGFQdE5MRGdSOTdjWG4zM1JlXzVINUN3X0lJTzlBNTV4cGZsSW1Gd1FMUG1lRWJidGdhMVhz'
	    . 'V3N5LWRXdHBmIiwieSI6InRnRXNxR0ZPbnIxY0dSUVlrQ3NTaEZ5eXZCcmwzQXJhcERXS0xCemJQV2szTFNIaGpl'
	    . 'VU9yWmotQm5YQXhKa2kifSwiYXB2IjoiUW05aSJ9.NujCXnQQ53jeRWylV3iMMNuUBrdGewan9VxjEYmszPxXWl4'
	    . '6xGW9jA.-kim3I0OzDB24TlQ.q2HOUq3aY7E70ha-kKLXvyp0ljQ.yTOTDMY6zLGsCJLjcJZLpA'],
);
my @rsa = (
	['RSA-OAEP',
	    'eyJhbGciOiAiUlNBLU9BRVAiLCAiZW5jIjogIkEyNTZHQ00ifQ.A5gJhkDOjAtayEohfPrsVdDQ-PdXpP-a7JizB'
	    . 'TrXNX08SY6VJkpojjv1PXnK9slBmVHpKtRgznjd9R1WkNqqji3CXuknF77qk9YKaWdLZEVs7CM7_XJxYgeeWUuAy'
	    . '4byuoxNpvPT6xPunvOEzRoZ5RX3o3LJw7hbmY9znf-H_mjfINxxmczFC_aGbLaEcFmIRHu8mgx1XFdHQh8VYVgpH'
	    . 'RUBGvtD4aPBDji1aLPIB_k50KOaf_lHYf_eHKUDQ7-hUHqluYGQjjVioQWRFGnkvK-2f82qpzF4H8BpoTiipTcpK'
	    . 'T5zrMDZ4Q9QilPWKX2S1tBb7UsimaTtd-zx20qepg.LFGLydGiCVYOGptn.ZzW4DNdMhwhiMIQvnHc.KX4QaGyWD'
	    . 'WrwdxcN-x6mSw'],
	['RSA-OAEP-256',
	    'eyJhbGciOiAiUlNBLU9BRVAtMjU2IiwgImVuYyI6ICJBMjU2R0NNIn0.qtbCi31fS4kRyoiBW_UH4alNFrRyJ-a3'
	    . 'SczyP_NiSlCsSOI4Ou01WE3m_-R3UjCl0zD8CtvRhlglvF4WHaxImYN69Z3Yis_dmWFzcliFc2NYW5bRyiGpYu4Q'
	    . 'LjQffLgvKFPbpIUVlreK2y6F6tkLWfnhlCXL5nMgFKXHwjPNKmdRfZ_odVtaBIApI6Zm4hcat6voXqCFngn9ZWm2'
	    . 'MuUpEGCDMcuTvJj1HbLQ5a4430ZF5_rdLXmPWT4ktwMSecu1E7TZBEzbGnX_ZoWIgeDJZ8n-ntyA_zzVG3DKvfGn'
	    . 'gl8Jo0vgqsUJBbx0j3ZHt78ciL3hBCWZKWpsWXs35G18Kg.iRgRHeG20IIhDMrW.0tB2M8Ec4ZX-rpLEghKXhAjW'
	    . '._6ybC4gbLq6z6el3APrVxw'],
	['RSA1_5',
	    'eyJhbGciOiAiUlNBMV81IiwgImVuYyI6ICJBMjU2R0NNIn0.TD39QsUKTmyjxUMIujs1WUXE1T68G8QxinkzbULP'
	    . 'yx2yMQNqbMrVsgvgEfdeSVrdasFGYAh97wJw19nQhYNezutNWve8MTfyFKt0uGOW-cgxRjsyTpLGWBq8I7ZcCitm'
	    . 'In4IngvsUL97Kc3XqgfhKEMxfbyAqxuZgQIwYHcTf9l8cJCkNjQxez_uGFsAgjB7IgGf7pfWkfabU5CYNLHLNQCq'
	    . 'QONZkZx0xK3faXdCP0JED_OS16utEvXn-yXLKUcEhI6K_mXPS67n9E13v07L7JXNPxpR0jRJBOPZprkwOn7O7vMt'
	    . 'J6N_9stdSrLMlr6nYApSItX1HwkOI5RHk6yOuQ.NmoIqkWiKnV3d-PF._JGCEENXxkhS0Ihb.FThJK6REh9wfOqA'
	    . 'yXwM7Fw'],
);
my %pem = (
	'P-256' => ["-----BEGIN CERTIFICATE-----
MIIBBzCBraADAgECAgEBMAoGCCqGSM49BAMCMAwxCjAIBgNVBAMMAWEwIBcNMjAw
MTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMAwxCjAIBgNVBAMMAWEwWTATBgcq
hkjOPQIBBggqhkjOPQMBBwNCAARyiH/fiM8zH8j7FpYjdiXOl5pUJHRMydRQXbjz
3Db10DgSakucz+NMVIQeDNmvjT7b2n25ZOc3uO8vEK2byEhcMAoGCCqGSM49BAMC
A0kAMEYCIQCXXk/vgn1S7wvoEk3hkq/uDp0ANC23RYcp/mDpUsqvGwIhAPuxqGW7
eIb/IzHwNv4JVHiiMvsLZ0r6IKYMZ/o6Q8ft
-----END CERTIFICATE-----
", "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgk45JDfqoNNEW+4vN
6gggOrWeJIVWFOMhvyIONmHMHJahRANCAARyiH/fiM8zH8j7FpYjdiXOl5pUJHRM
ydRQXbjz3Db10DgSakucz+NMVIQeDNmvjT7b2n25ZOc3uO8vEK2byEhc
-----END PRIVATE KEY-----
"],
	'P-384' => ["-----BEGIN CERTIFICATE-----
MIIBQzCByqADAgECAgEBMAoGCCqGSM49BAMCMAwxCjAIBgNVBAMMAWEwIBcNMjAw
MTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMAwxCjAIBgNVBAMMAWEwdjAQBgcq
hkjOPQIBBgUrgQQAIgNiAARbj7MpyDjV9Mpcei6CAlQTohhBMHUKxhUfKDrM14oM
cT2nHIChxvM9SoEw1wYZlZ1cQww5XeKskB6/MHEWTx7H6Yeaeb4oz4Xcs9b8yeR5
4M7OJyVmrnMA+SVSjHF4g9QwCgYIKoZIzj0EAwIDaAAwZQIweqSl1VYjy9TQ3Tk3
+bUvApYkGXFF/miU276pBlO5mL+DFmzhjZ/6/tU+4HyV8E5wAjEA0+LEeHlZR3Ah
iXAn7KvohVnoAY5JThk/3siBnrcH2O6SEqPLFKW2OVQlqLv/r2I5
-----END CERTIFICATE-----
", "-----BEGIN PRIVATE KEY-----
MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDAfAuLnXnU+bKkU4dQw
UlupicUI6gtIgNvUJcxUF0s+J4SSrQvUqmtxK196wzN1VWKhZANiAARbj7MpyDjV
9Mpcei6CAlQTohhBMHUKxhUfKDrM14oMcT2nHIChxvM9SoEw1wYZlZ1cQww5XeKs
kB6/MHEWTx7H6Yeaeb4oz4Xcs9b8yeR54M7OJyVmrnMA+SVSjHF4g9Q=
-----END PRIVATE KEY-----
"],
	'RSA' => ["-----BEGIN CERTIFICATE-----
MIICkzCCAXugAwIBAgIBATANBgkqhkiG9w0BAQsFADAMMQowCAYDVQQDDAFhMCAX
DTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAMMQowCAYDVQQDDAFhMIIB
IjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0rpv7YenvnpGAWo9TR/SctJ8
Laqjk8+vqxcrIyQ+009jiaCCEwCR3/E2wJUQZ46AGSVgm150P4FZ/KBsXMijMqoG
i7WqXG9wLZR3RlKGvQx4m2wXMMXijQrlZqnURSfwArPI+j+Xm+2JaQS7bLYiSrMB
fRgYxGSfpHMAYP5Uxa0w2HvxvARqu2zCvtgVhIcfcfGI71rdXj+nxkdPwlVmRm0Z
enkS+hwXqXuZmiN44x/LdDgSUyuo/nal6D2xpLn+WyDx5qRiepDnzeVDYWcKcWZv
v/rfNGMRXPNzWkco/ArAlj2cEZdLNIXW2LNa33ZQNUbui6w0qzZzaavDbNKV+wID
AQABMA0GCSqGSIb3DQEBCwUAA4IBAQDHKG9ZgxWsT3Z+KZ0/KN5SYs4Qbu9z3V9c
liOS1iRm7ZVVzS3DbFfX9pDeXcg2/aSTGOPblzNVKNdlYXJaz+8qfsb2L/L4Lk99
vrjH0GNwXTq3beFLtMooJAzyQYnKoiJC7VgWhwKqG8RnDplybIzYJWKF25N979Q1
rbb+lzKQL+AuIq3ZLheciHIfwvAQ9pDzpd/IIemYzCcB71E/6pSuWHB9PlKHTUxn
xH+BjdeL+tAanCPREOr/BLT2ZIbJMj03kHq8NACkPPUdDzFctq9o2YWo3fMkoV5R
ZKFiL/WO/RoK9PlDLVB7tNEY7y/wylrjWtfx3r0z3z+Z3aBfibRk
-----END CERTIFICATE-----
", "-----BEGIN PRIVATE KEY-----
MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDSum/th6e+ekYB
aj1NH9Jy0nwtqqOTz6+rFysjJD7TT2OJoIITAJHf8TbAlRBnjoAZJWCbXnQ/gVn8
oGxcyKMyqgaLtapcb3AtlHdGUoa9DHibbBcwxeKNCuVmqdRFJ/ACs8j6P5eb7Ylp
BLtstiJKswF9GBjEZJ+kcwBg/lTFrTDYe/G8BGq7bMK+2BWEhx9x8YjvWt1eP6fG
R0/CVWZGbRl6eRL6HBepe5maI3jjH8t0OBJTK6j+dqXoPbGkuf5bIPHmpGJ6kOfN
5UNhZwpxZm+/+t80YxFc83NaRyj8CsCWPZwRl0s0hdbYs1rfdlA1Ru6LrDSrNnNp
q8Ns0pX7AgMBAAECggEAEuJUP3QFq0Mn3N6ZabztTg7gw/Ljv84/ztQ/sGGCI8uc
fuvcXDmT2P6zymRRWQZjIl3AH4xCXKKJ3uK9cz8jqNmlxoVcI/Z0lhEU8z9YBb8F
W+A+38cL+1m7nwyfEid3Ebbszsg+HOIXi0q6RQ65WfpaqswrBAaEa+dGZGrGTASE
gWHWlgu7ceVr2dxEARthY2SXd58rME1EvW0bzP076aVxnsDRC4WHi6Ow3MYyYRbw
itgh28N7TWn5ZfuLY9Z83F2gKKWUCACd3aOtN1yCfQCuFcGMQz0DQGYVmh/juRNY
0QvLkFaw0w3gkmrX6QFIftaFCWXy2oYkJmb7rwqUgQKBgQD38/sz5LAuGC8eIQ8B
2l9wiYb376vNfR+XzhI78od0FCvuLiDbfvH3SboEhz4Rsir5tuYWM5CDrHL2vrFC
Bdo3m3tDqb8fqfKRtPFrRCQNeO1cvl2OIW3RGR9kZRmKGjLjVoLBPTn+1iz9XKlr
snwZe4gWmSy1cvMB5D5iUUemOwKBgQDZkTBSF+oefXRm+AKe32eFHZiaUUyDznL3
qPf0jc8KQ0hOYQfNoawmg0VrCJAXla1keHac4qdCv2lXuVopS1zCkggVGMV/mMCa
bzEuPsANbM4zSXc4BP9Xp4vJje/yywr/zFKE3ZgjA27KkGulsNOdjCaBHvWzPqva
oooDhTETQQKBgQDcbcRGb+nIMKvCpzUGOrJaA4k/ZYxgU/oAJKzFKmkM4tnjFpMT
Txmg86QxXmHprXDTKqwF1LWGuYpCnWhL/5Ptl4XPs1o7tgP1UNzGtX8vku/BYWMe
dc2A9EqaH97CjWPsAv6e9+VVDeZVH0lmevgkV1O2c1nxvU0Xw2dKVGPT/QKBgCPF
OjOVGPnwWG4BgrTKOEPrjMZ6bWESVVagojvEAPFIBKBWVakaVqpyVLx3SPGHu11U
bPP4U9WmkNRKdidp65NV3RxS2U3UOH5rn6Nhz8OlSvWls4MzVyP7OQFnY7cAaQuL
dVnA8R14mAOX4Qr52qEBhOcfxve0ax7kMFrJ0DrBAoGBAKqlC3kut9iNcDfCQrEy
Zmj9Wwfyb5E2IaQ7RzN8u+1BxkBi+ZMBgwg9LRlwU5mg0SivQbWnCUCmoVWldDiT
BtWLH98T+rVu6H8hzMu8W/F0YtHA2KlRmM5gcHyuARoaI0sJhANYrEq0nQmAzBci
TjMopugEbFddui9Gh3sKIQdb
-----END PRIVATE KEY-----
"],
);

my $dir = Tideway::Test::temp_dir();
spew("$dir/$_.pem", join '', reverse @{ $pem{$_} }) for keys %pem;
spew("$dir/beside.pem", $pem{'P-256'}[0]);
spew("$dir/beside.pem.key", $pem{'P-256'}[1]);
spew("$dir/bare.pem", $pem{RSA}[0]);
spew("$dir/mixed.pem", $pem{RSA}[0] . $pem{'P-256'}[1]);
spew("$dir/key.pem", $pem{RSA}[1]);

my @certs = ('P-256', 'P-384', 'RSA', 'beside');
my $p = start_proxy(defaults() . "
frontend web
    bind {BIND:web}
    http-request set-var(txn.t) hdr(token)
    http-request set-var(txn.jwk) req.fhdr(jwk)
    http-request return status 200 hdr jwk \"[%[var(txn.t),jwt_decrypt_jwk(txn.jwk)]]\""
    . join('', map { " hdr $_ \"[%[var(txn.t),jwt_decrypt_cert($dir/$_.pem)]]\"" } @certs) . "
");

sub ask
{
	my ($token, $jwk) = @_;

	return $p->request('web', "GET / HTTP/1.1\r\nHost: a\r\ntoken: $token\r\njwk: $jwk\r\n\r\n");
}

sub certs { my ($r) = @_; return join ' ', map { $r->header($_) } @certs }

# those that can open a token
sub by { my ($want, @who) = @_; return join ' ', map { my $c = $_; (grep { $_ eq $c } @who) ? $want : '[]' } @certs }

for my $t (@ec) {
	my ($curve, $alg, $token) = @$t;
	my $want = "[hello $alg]";
	my $r = ask($token, $ec{$curve});
	is($r->header('jwk'), $want, "$alg, $curve: a key as JSON");
	is(certs($r), by($want, $curve, $curve eq 'P-256' ? 'beside' : ()), 'certificates');
	is(ask($token, $ec{other})->header('jwk'), '[]', 'another key');
	is(ask($token, $ec{ $curve eq 'P-384' ? 'P-521' : 'P-384' })->header('jwk'), '[]', 'one of another curve');
	my @part = split /\./, $token, -1;
	for my $i (0 .. 4) {
		my @bad = @part;
		my $raw = decode_base64url($bad[$i]);
		substr($raw, length($raw) / 2, 1) ^= "\x04" if length $raw;
		$raw = 'x' x 24 if !length $raw;
		$bad[$i] = encode_base64url($raw);
		$r = ask(join('.', @bad), $ec{$curve});
		is($r->header('jwk') . certs($r), '[]' . by(''), "part $i is not as it was");
	}
	my $head = decode_base64url($part[0]);
	for my $edit (sub { s/"x":"../"x":"AA/ }, sub { s/"y":"[^"]*"/"y":"AAAA"/ }, sub { s/"crv":"P-\d+"/"crv":"P-1"/ },
	    sub { s/"epk":/"was":/ }, sub { s/ECDH-ES/ECDH-ES+A128GCMKW/ }, sub { s/ECDH-ES/ECDH-ESx/ },
	    sub { s/"alg"/"apu":"@{['A' x 900]}","alg"/ }) {
		local $_ = $head;
		$edit->();
		$r = ask(join('.', encode_base64url($_), @part[1 .. 4]), $ec{$curve});
		is($r->header('jwk') . certs($r), '[]' . by(''), 'a hostile header');
	}
}

for my $t (@rsa) {
	my ($alg, $token) = @$t;
	is(certs(ask($token, '{}')), $alg eq 'RSA1_5' ? by('') : by("[hello $alg]", 'RSA'), "$alg by certificate");
}

is(ask($_, '{"kty":"EC"}')->status, 200, 'no token') for '', '....', 'a.b.c.d.e';
is(ask($ec[0][2], $_)->header('jwk'), '[]', 'no key') for '{"kty":"EC"}', '{"kty":"EC","crv":"P-256"}',
    '{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}', $ec{'P-256'} =~ s/,"d":"[^"]*"//r, $ec{'P-256'} =~ s/"d":"[^"]*"/"d":"AA"/r;
stop_proxy($p);

for my $case (["jwt_decrypt_cert($dir/nope)", qr/cannot open the certificate/], ["jwt_decrypt_cert($dir/key.pem)", qr/holds no certificate/],
    ["jwt_decrypt_cert($dir/bare.pem)", qr/there is no private key in/], ["jwt_decrypt_cert($dir/mixed.pem)", qr/is another certificate's/],
    ['jwt_decrypt_cert(txn.c)', qr/not supported by tideway yet: write its path/], ['jwt_decrypt_cert()', qr/jwt_decrypt_cert|a certificate is expected/]) {
	my $r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1\n    http-request set-var(txn.x) str(a),$case->[0]\n");
	is($r->{code}, 1, "$case->[0]: refused");
	like($r->{all}, $case->[1], 'with its word');
}

done_testing;
