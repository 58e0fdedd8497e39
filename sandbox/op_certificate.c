/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alipay.open.app.alipaycert.download (dossier 2.5): a platform certificate by its number, former
 * ones too, with the intermediate, as the base64 of its PEM. The two refusals stand in the official
 * clients' list of common codes; their words are ours.
 */
#include <sandbox/mode.h>

void call_certificate_download(struct call *call) {
    struct till_str sn, content;
    struct till_error err;
    if (!biz_text(call, "alipay_cert_sn", 64, false, &sn))
        return;
    if (sn.len == 0) {
        answer_refuse(call, "40001", "isv.missing-alipay-cert-sn", "缺少支付宝证书SN参数");
        return;
    }
    const struct platform_signer *signer = mode_find_signer(call->app, sn);
    if (!signer) {
        answer_refuse(call, "40002", "isv.alipay-cert-not-exist", "支付宝证书不存在");
        call->why = TILL_STR("The platform never had a certificate of this number for this app.");
        return;
    }
    if (!till_base64_encode(call->arena, till_str_of(signer->certificate.pem), &content, &err)) {
        answer_refuse(call, "20000", "isp.unknow-error", "系统繁忙");
        return;
    }
    answer_success(call);
    answer_text(call, "alipay_cert_content", content);
}
