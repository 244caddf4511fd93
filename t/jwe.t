# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Encrypted tokens: each algorithm, with the right key and with others. They were
# made with another implementation (Python's cryptography).
use Tideway::Test;
use MIME::Base64 qw(encode_base64url decode_base64url);

my @tokens = (
	['dir', 'A128CBC-HS256', 'ICcuNTxDSlFYX2ZtdHuCiZCXnqWss7rByM_W3eTr8vk',
	    'eyJhbGciOiAiZGlyIiwgImVuYyI6ICJBMTI4Q0JDLUhTMjU2In0..AAECAwQFBgcICQoLDA0ODw.0BJQDHyW5h7MvK'
	    . 'KZFTkK04RSAqkXdMPam49z-k_Hh6U.ftKxNkVPhK2Io6t3G7h8UA'],
	['dir', 'A192CBC-HS384', 'MDc-RUxTWmFob3Z9hIuSmaCnrrW8w8rR2N_m7fT7AgkQFx4lLDM6QUhPVl1ka3J5',
	    'eyJhbGciOiAiZGlyIiwgImVuYyI6ICJBMTkyQ0JDLUhTMzg0In0..AAECAwQFBgcICQoLDA0ODw.1-F69dUN-aiMYm'
	    . '8OP4VX9itahqExfojv3ElqS2s4_v8.FQ4s_BRznVxZMMsOMUeBsE6Z2lGB1wNY'],
	['dir', 'A256CBC-HS512', 'QEdOVVxjanF4f4aNlJuiqbC3vsXM09rh6O_2_QQLEhkgJy41PENKUVhfZm10e4KJkJeepayzusHIz9bd5Ovy-Q',
	    'eyJhbGciOiAiZGlyIiwgImVuYyI6ICJBMjU2Q0JDLUhTNTEyIn0..AAECAwQFBgcICQoLDA0ODw.ZaYhho59sGlMzQ'
	    . 'ydsdWR_cecVIz1xFiSwupmXdvraAc.-B89Ow4hNXDbBVx5fHMQBRXBikpz51VtT4qSrdl3mUk'],
	['dir', 'A128GCM', 'EBceJSwzOkFIT1ZdZGtyeQ',
	    'eyJhbGciOiAiZGlyIiwgImVuYyI6ICJBMTI4R0NNIn0..AAECAwQFBgcICQoL.Oaqh9oyRD0gHMsBeZQ.V6uwEjXE1'
	    . '8reLA7KYLYUqw'],
	['dir', 'A192GCM', 'GB8mLTQ7QklQV15lbHN6gYiPlp2kq7K5',
	    'eyJhbGciOiAiZGlyIiwgImVuYyI6ICJBMTkyR0NNIn0..AAECAwQFBgcICQoL.XONsK4MovRtGLEohQw.6H5BQMIGf'
	    . '9KkkGYODWaHhQ'],
	['dir', 'A256GCM', 'ICcuNTxDSlFYX2ZtdHuCiZCXnqWss7rByM_W3eTr8vk',
	    'eyJhbGciOiAiZGlyIiwgImVuYyI6ICJBMjU2R0NNIn0..AAECAwQFBgcICQoL.inaott4A7jVg7QRSTQ.OcxLytATS'
	    . '3Upr2eftve8Mw'],
	['A128KW', 'A128CBC-HS256', 'EBUaHyQpLjM4PUJHTFFWWw',
	    'eyJhbGciOiAiQTEyOEtXIiwgImVuYyI6ICJBMTI4Q0JDLUhTMjU2In0.X4YNfsjuFZVswK-eBxOqIe_QXIy_ma-xu5'
	    . 'kCv2YHbhjw4Lc-Fob_2g.AAECAwQFBgcICQoLDA0ODw.vgTmVVduHW1JPoblNPGA8Q.7TskS0X-Y775b8D9AaBAEA'],
	['A192KW', 'A128CBC-HS256', 'GB0iJywxNjtARUpPVFleY2htcnd8gYaL',
	    'eyJhbGciOiAiQTE5MktXIiwgImVuYyI6ICJBMTI4Q0JDLUhTMjU2In0.Fl_pFNcvhPi6Fhvn5E41NA_c5EdPC_p9Uj'
	    . 'eYfuRiWRfD5PjXWuR9LA.AAECAwQFBgcICQoLDA0ODw.XVcIPfa6gBHFnkUB8a0P5A.8x_tJ1Lfd8JWiX9PYbJ23g'],
	['A256KW', 'A128CBC-HS256', 'ICUqLzQ5PkNITVJXXGFma3B1en-EiY6TmJ2ip6yxtrs',
	    'eyJhbGciOiAiQTI1NktXIiwgImVuYyI6ICJBMTI4Q0JDLUhTMjU2In0.IMANRKuXTSj59ViQKiXnidKnqI7MAT3m2m'
	    . 'kU8J3KmBCXhmXuMkTh8w.AAECAwQFBgcICQoLDA0ODw.SR68XG2NOMdtXUE0-BwMHw.JGbBLAVxZDor-P_VkShK5g'],
	['A128GCMKW', 'A256GCM', 'EBUaHyQpLjM4PUJHTFFWWw',
	    'eyJhbGciOiAiQTEyOEdDTUtXIiwgIml2IjogIkZCVVdGeGdaR2hzY0hSNGYiLCAidGFnIjogIlJDeHpXR0Q0VXhoMH'
	    . 'B1bVJ3LUZMa2ciLCAiZW5jIjogIkEyNTZHQ00ifQ.ymobnq59U-BswQ1tOWG_5jI7T8McgZWBIebv3_ff1s4.AAECA'
	    . 'wQFBgcICQoL.GWUSlN9mnbZB4Dnff8sR.SC-m55_Wmt7nqzryyJjaeg'],
	['A192GCMKW', 'A256GCM', 'GB0iJywxNjtARUpPVFleY2htcnd8gYaL',
	    'eyJhbGciOiAiQTE5MkdDTUtXIiwgIml2IjogIkZCVVdGeGdaR2hzY0hSNGYiLCAidGFnIjogInhva1hhRXJCWkF2V2'
	    . 'F4dkFraVIwTnciLCAiZW5jIjogIkEyNTZHQ00ifQ.q4zpgBnBRnPUVmkgb69-BDGYun1yZxyE9hOqGUXCikg.AAECA'
	    . 'wQFBgcICQoL.GWUSlN9mnbZK6jnff8sR.7ehHrLE5G-TTWcdF1n9vyg'],
	['A256GCMKW', 'A256GCM', 'ICUqLzQ5PkNITVJXXGFma3B1en-EiY6TmJ2ip6yxtrs',
	    'eyJhbGciOiAiQTI1NkdDTUtXIiwgIml2IjogIkZCVVdGeGdaR2hzY0hSNGYiLCAidGFnIjogIlZDaE9NQlNveDNoOV'
	    . 'k3d1lhX29PelEiLCAiZW5jIjogIkEyNTZHQ00ifQ.U380mLGKcVZ0Y2viq54kpMyj0nZ66TpssK47k_ShLe0.AAECA'
	    . 'wQFBgcICQoL.GWUSlN9mnbVG7jnff8sR.4AVjNfdsTGDTOwpiNITiTg'],
	['RSA1_5', 'A256GCM', 'RSA',
	    'eyJhbGciOiAiUlNBMV81IiwgImVuYyI6ICJBMjU2R0NNIn0.JsmNdTYVFjjO7bWqQoKwl0QNc-moSh19bd1xUR8nTI'
	    . 'it5GNPam5PMt1IewJ7k1gJyZ5Bg3s6YtPfxr36gXl_I11dgtJoHfvCdOfljmoAjrFrV2CrYZmYKlLvClg8dSNj3BvC'
	    . 'NKNV3O7xUqQieVqLvbGC-_Tc0-V6a4OmXs-rfcCGz9v07_6S0O2_xoT0lEPBogak2phS-vEVBneri0fUkzwoaVSUqA'
	    . 'LygHAg9Qplfd5fIzBRj1H2jQEvEzA4bZ4cBquGQ2X3JyLTI7K_T6H57OVHPlAkzxNv1f3Qv8oFIkTF1hVhyoV-4ebs'
	    . 'b1Rseoj6eQX7i_vUAG7FInepulBe9w.AAECAwQFBgcICQoL.GWUSlN9mjtQy6SGp.VYOcy3GDph6asEgyP-PG1g'],
	['RSA-OAEP', 'A256GCM', 'RSA',
	    'eyJhbGciOiAiUlNBLU9BRVAiLCAiZW5jIjogIkEyNTZHQ00ifQ.k1Nc3liuxQwhvM7JzKr3ChnFBWQU0v5hfh50IKX'
	    . 'KmW-k7WLEEs7kDRrMsRwNnvH80eydijN9R5zeuoGs533Xr4wmI8j0Wj8rtdz2_mr8iF5LOhUICIG-PGzuZNRfnzYMX'
	    . '1w76b4LEb2vWE_TeQBoC7Wq1BJR95bTsZcYeadcn_bdrsHMcr5Eg6cOOeypdMM_hIlnGOVmCAhA9_DydMqvsQHA-j6'
	    . 'THodIrDRZ408N-2gzceORleLcoU0oEeex8UiA19X_n65IwAWdRs9aHYKvgZff3i00rbNoV5MapDvX19Yyuh85NUoYk'
	    . 'ZJyWSF9uennRkvNrXrVr1d58CgRq7xVBA.AAECAwQFBgcICQoL.GWUSlN9mjtQy9THdd9A.jD04ZFSPMWHtlStpVDK'
	    . 'GGQ'],
	['RSA-OAEP-256', 'A256GCM', 'RSA',
	    'eyJhbGciOiAiUlNBLU9BRVAtMjU2IiwgImVuYyI6ICJBMjU2R0NNIn0.iRyPV9gTOn6I0s_QbMKYB1CrkTNjhom_Ll'
	    . 'Wu6NVgfi7y4ELscJHTumYVUkDPWfmYht526RmsW2bFtbgGhkLHLHf0CQPf-jci8fScL2BNbv6jSsRxtkKUN2yoFCds'
	    . 'SMDh9Ht1klOlXHvCTFub-ZaqWCtZ5L9pMg2NL5DGseOXtJmWOxvnfqXfi0ZtOroreJCjAb5LHdbYUbwjLVxZsBP1M3'
	    . 'wV5bRCt_EgRfq2I5I_9EsQBG_cWtnmKTTDSmK_RfDYgKr6f5DKvVEvj3iIaQWsY8B1sDd_z5p4l6wYLLLRkxaanbkd'
	    . 'BkRmagrO7jtfG3mHbppzzlatCbzpmYV8Kcrolg.AAECAwQFBgcICQoL.GWUSlN9mjtQy9THdd9BrAmDI.tggwwW7UC'
	    . 'CDqGT0i7Oh12g'],
);
my $rsa = '{"kty":"RSA","n":"yfXBzFuYkPze6Hj2AhOF1dDvU3wBaV6gIa6vOQ0BQ2g87w_g6VgaruiwIKXvpsFnWnGq9bXD'
    . 'g7KtYOPDEbg-Un3BzvrMFTR5hMdELst6C6p-n6QYCUTF2gKB1SuD57-VvZn86F01caYVKRi0Z7GASSwAkmEkupkNyS'
    . 'MWeTK9coN8aGKJA44rMtocaDOQr-5KevkPX5vjHZxTzQbUbXEQ2XV7AV0pcVgZKjzTRflbVKCfsozsXrOmUE35eezI'
    . '_C4tXU0hF2IsD2_uK0M_TsRLS7UX0Fk13_6jUgmMT14zpxc3y__VzEvSvhK4ODnR_HW_-Kxi9tZNx3DGtzDsiDhb-Q'
    . '","e":"AQAB","d":"T2r8bCvCyZUe5QUYHIXn1caFLmuvtGtZBhXG4uTpz8OQXqP8WlZim9B13kjSfl1EkszrIRd6'
    . 'jHH5ewXlwjSVEWRRj96Q3W_Wr2-asNokIq1HgOiK6S4prYrZ2mVzx_DPZhFFYmyw5QGeBZyo6LPk0iFjEizwQA6K3M'
    . 'MXBc79r6cv9EnzlkH0v5yFwwVkUamhxF40d-4MOacm-fpFZAmzV7eNImilc8WShvttC_DnVBWZuN_86F2vB7s96dPS'
    . 'x9cUiudVIhQCo95Nx7NPofgVpE2gs5W2yUBft9ZqLr7Cw8RIpCoAjPZ_zlVw_1l4mCIF6mZ9HxA55bdgTTXaZmG63w'
    . '","p":"_9PgDM-CTSbgOrIt4PV6Bv83kmNCJ-ruTzIsC0VwL0KTjj_I4ATnb-yG1LuX62ai6N9Ubfj7QGX8RooD4nA'
    . 'ks3B-8sM77_tLvQZja_HGNf8_aN7q_WV60rhjmD46PWIiUNP4fphis5CiUBtZ6d6u19QJk7JaJ82iFtMQU0tNapM",'
    . '"q":"yhiXP1Bqdq24RwbfwI4YyDvtvk6KLNbzU87ZTVFbAjTqNfdTjUei6puMOU2fhgqo46zEJTYWpxgxr931KY-6i'
    . 'o8KMEgRoCT_vqGSsavROP2dfdwasQV47txAMJ6koUIzGz6Ck_D0JS8V6N4JMhb3aArD5xjsXfEDd-Ks7q7l2sM","d'
    . 'p":"RkmaJyrkK_pgZQALZuFK850vUYL_7CO58fxg6X_cgL-T9uNDd3khdTjRGqWn6b87RywE8GoV7e2XUHIe-xnAm6'
    . 'Ru3JgTYa3zcy3MJx44TSGh9Fg6zAATrM2IX43JRpAtyXNTtMR9acR1M_kvzPenphjVwMShzInM3OSEeb4YuQ0","dq'
    . '":"J5wsQMeVJk-kN5-cSVRQfSZp0Yv5PxKePIXlR2czrDoM0aj5Ik6xGsSD9lNFefMq6PzasORqCjQOwQaC37OA_1l'
    . 'LyOzHL5kw2v82Dka7yizDKoDyZlHJQx--IQlnAQhFlghpdW-bmpIg_DRQnxWrRiQeA3R6F2t-n4e5F0sGWBs","qi"'
    . ':"OHixqV7khVlLkNnPu0u1e3MZGt86m0n3KRWT5dmH8qDCqkvmCzpdN0onBO-Cc1SXVn-eMLC_7M9WqJeyzXXIYVls'
    . 'C5k5HjHX7pl_b_eLR0PZZneKSTnF-PYEVNtxGryk_dX6WBwRm1bipcJHJKCO2KSdJj1-WnEeWUPH1eODRPA"}';

# every token by request, so that hostile ones go the same way
my $p = start_proxy(defaults() . "
frontend web
    bind {BIND:web}
    http-request set-var(txn.t) hdr(token)
    http-request set-var(txn.k) hdr(key)
    http-request set-var(txn.jwk) req.fhdr(jwk)
    http-request set-var(txn.secret) var(txn.t),jwt_decrypt_secret(txn.k)
    http-request set-var(txn.by_jwk) var(txn.t),jwt_decrypt_jwk(txn.jwk)
    http-request set-var(txn.alg) var(txn.t),jwt_header_query('\$.alg')
    http-request set-var(txn.fixed) var(txn.t),jwt_decrypt_secret($tokens[0][2])
    http-request return status 200 hdr secret \"[%[var(txn.secret)]]\" hdr jwk \"[%[var(txn.by_jwk)]]\" hdr fixed \"[%[var(txn.fixed)]]\" hdr alg %[var(txn.alg)]
");

sub ask
{
	my ($token, $key, $jwk) = @_;

	return $p->request('web', "GET / HTTP/1.1\r\nHost: a\r\ntoken: $token\r\nkey: $key\r\njwk: $jwk\r\n\r\n");
}

for my $t (@tokens) {
	my ($alg, $enc, $key, $token) = @$t;
	my $want = $alg eq 'dir' ? "[hello $enc]" : "[hello $alg]";
	my $jwk = $key eq 'RSA' ? $rsa : qq({"kty":"oct","k":"$key"});
	my $r = ask($token, $key eq 'RSA' ? 'AAAA' : $key, $jwk);
	is($r->header('jwk'), $want, "$alg, $enc: a key as JSON");
	is($r->header('secret'), $key eq 'RSA' ? '[]' : $want, 'a secret');
	is($r->header('alg'), $alg, 'the header can be asked');
	my @part = split /\./, $token, -1;
	for my $i (0 .. 4) {
		my @bad = @part;
		my $raw = decode_base64url($bad[$i]);
		substr($raw, length($raw) / 2, 1) ^= "\x04" if length $raw;
		$raw = 'x' x 24 if !length $raw;
		$bad[$i] = encode_base64url($raw);
		is(ask(join('.', @bad), $key, $jwk)->header('jwk'), '[]', "part $i is not as it was");
		@bad = @part;
		$bad[$i] = '';
		next if $part[$i] eq '';
		is(ask(join('.', @bad), $key, $jwk)->header('jwk'), '[]', "part $i is empty");
	}
}
is(ask($tokens[0][3], 'x', 'x')->header('fixed'), '[hello A128CBC-HS256]', 'a secret in the configuration');
is(ask($tokens[0][3], encode_base64url('y' x 32), qq({"kty":"oct","k":"AAAA"}))->header($_), '[]', "another key: $_") for qw(secret jwk);
is(ask($tokens[-1][3], 'x', $_)->header('jwk'), '[]', 'a key that is none') for '', '{', '{}', '{"kty":"EC"}', '{"kty":"RSA"}', '{"kty":"RSA","n":"AQ","e":"AQ","d":"AQ"}',
    '{"kty":"oct"}', '{"kty":"oct","k":"' . 'A' x 500 . '"}', 'A' x 3000;
for my $token ('', '.', '....', 'a.b.c', 'a.b.c.d.e', '....' x 50, 'A' x 9000 . '.a.a.a.a', encode_base64url('{"alg":"dir"}') . '....',
    encode_base64url('{"alg":"none","enc":"A128GCM"}') . '.a.a.a.a', encode_base64url('{"alg":"dir","enc":"A128GCM","iv":"' . 'A' x 300 . '"}') . '....') {
	my $r = ask($token, $tokens[0][2], '{"kty":"oct","k":"AAAA"}');
	ok($r && $r->status == 200, 'answered') or diag(substr $token, 0, 60);
	is($r->header('secret'), '[]', 'nothing');
}
stop_proxy($p);

for my $case (['jwt_decrypt_secret(!!!)', qr/'!!!' is not base64/], ['jwt_decrypt_secret()', qr/a key is expected|needs a string/], ['jwt_decrypt_jwk', qr/needs a string/],
    ['jwt_decrypt_cert(/x)', qr/cannot open the certificate/]) {
	my $r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1\n    http-request set-var(txn.x) str(a),$case->[0]\n");
	like($r->{all}, $case->[1], $case->[0]);
	is($r->{code}, 1, 'refused');
}

done_testing;
